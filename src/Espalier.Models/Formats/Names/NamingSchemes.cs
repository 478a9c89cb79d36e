using System.Collections.Immutable;

namespace Espalier.Models.Formats.Names;

/// <summary>The names that networks come with.</summary>
internal static class NamingSchemes
{
    /// <summary>
    /// timm, and what shares its names: Facebook's DeiT, DeiT III (gamma_1), DINO, DINOv2 (register_tokens), MAE (whose decoder stays behind),
    /// Microsoft's Swin (whose index and mask buffers follow from the windows).
    /// </summary>
    public static readonly NamingScheme Timm = new("timm", "patch_embed.proj.weight", KeepsOthers: true, """
        blocks.#.gamma_1 -> blocks.#.ls1.gamma
        blocks.#.gamma_2 -> blocks.#.ls2.gamma
        register_tokens -> reg_token
        mask_token ->
        decoder_* ->
        head.mlp.* ->
        head.last_layer.* ->
        blocks.#.mlp.w12 -> blocks.#.mlp.fc1
        blocks.#.mlp.w3 -> blocks.#.mlp.fc2
        blocks.#.mlp.fc1_g -> !it has gated MLPs in three layers
        blocks.#.mlp.w1 -> !it has gated MLPs in three layers
        blocks.#.mlp.norm -> !it has a norm inside its MLPs
        blocks.#.attn.norm -> !it has a norm inside its attentions
        blocks.#.attn.q_bias -> !it has separate query and value biases (BEiT)
        blocks.#.attn.relative_position_bias_table -> !it has relative position biases
        blocks.#.attn.qkv_mlp* -> !its blocks are not in sequence
        blocks.#.#.* -> !its blocks are cut into chunks
        attn_pool.* -> !it pools by attention
        pre_logits.* -> !it has a representation layer (pre_logits) before its head
        layers.#.blocks.#.attn_mask ->
        layers.#.blocks.#.attn.relative_position_index ->
        layers.#.blocks.#.attn.logit_scale -> !it is a Swin V2, whose attention is another
        layers.#.blocks.#.attn.cpb_mlp* -> !it is a Swin V2, whose attention is another
        absolute_pos_embed -> !it has positions besides those of its windows
        """);

    public static readonly NamingScheme TorchVision = new("torchvision", "conv_proj.weight", KeepsOthers: false, """
        class_token -> cls_token
        conv_proj -> patch_embed.proj
        encoder.pos_embedding -> pos_embed
        encoder.layers.encoder_layer_#.ln_1 -> blocks.#.norm1
        encoder.layers.encoder_layer_#.self_attention.in_proj_weight -> blocks.#.attn.qkv.weight
        encoder.layers.encoder_layer_#.self_attention.in_proj_bias -> blocks.#.attn.qkv.bias
        encoder.layers.encoder_layer_#.self_attention.out_proj -> blocks.#.attn.proj
        encoder.layers.encoder_layer_#.ln_2 -> blocks.#.norm2
        encoder.layers.encoder_layer_#.mlp.0 -> blocks.#.mlp.fc1
        encoder.layers.encoder_layer_#.mlp.3 -> blocks.#.mlp.fc2
        encoder.layers.encoder_layer_#.mlp.linear_1 -> blocks.#.mlp.fc1
        encoder.layers.encoder_layer_#.mlp.linear_2 -> blocks.#.mlp.fc2
        encoder.ln -> norm
        heads.head -> head
        heads.pre_logits -> !it has a representation layer (heads.pre_logits) before its head
        """);

    /// <summary>torchvision's Swin: blocks and patch merging in turns.</summary>
    public static readonly NamingScheme TorchVisionSwin = new(TorchVision.Title, "features.0.2.weight", KeepsOthers: false, $"""
        features.0.0 -> patch_embed.proj
        features.0.2 -> patch_embed.norm
        {string.Join('\n', Enumerable.Range(0, MostStages).Select(Stage))}
        norm -> norm
        head -> head
        """);

    /// <summary>
    /// Hugging Face transformers: ViT, DeiT, ViT-MAE, ViT-MSN, DINOv2, Swin, before version 5 (<c>encoder.layer</c>) and since (<c>layers</c>).
    /// </summary>
    public static readonly NamingScheme HuggingFace = new("Hugging Face", "embeddings.patch_embeddings.projection.weight", KeepsOthers: false, $"""
        embeddings.cls_token -> cls_token
        embeddings.distillation_token -> dist_token
        embeddings.register_tokens -> reg_token
        embeddings.mask_token ->
        embeddings.position_embeddings -> pos_embed
        embeddings.patch_embeddings.projection -> patch_embed.proj
        embeddings.norm -> patch_embed.norm
        {SwinLayer("encoder.layers.#")}
        {SwinLayer("layers.#")}
        {Layer("encoder.layer.#")}
        {Layer("encoder.layers.#")}
        {Layer("layers.#")}
        {Layer("layer.#")}
        layernorm -> norm
        classifier -> head
        cls_classifier -> head
        distillation_classifier -> head_dist
        pooler.* ->
        decoder.* ->
        """);

    /// <summary>timm's and torchvision's ResNets are named alike.</summary>
    public static readonly NamingScheme ResNet = new("timm", "layer1.0.conv1.weight", KeepsOthers: true, "");

    public static readonly NamingScheme MobileNet = new("timm", "conv_stem.weight", KeepsOthers: true, "");

    /// <summary>torchvision numbers the blocks of a MobileNetV2 through all stages; the first has no widening convolution.</summary>
    public static readonly NamingScheme TorchVisionMobileNet = new("torchvision", "features.18.0.weight", KeepsOthers: false, $"""
        features.0.0 -> conv_stem
        features.0.1 -> bn1
        features.1.conv.0.0 -> blocks.0.0.conv_dw
        features.1.conv.0.1 -> blocks.0.0.bn1
        features.1.conv.1 -> blocks.0.0.conv_pw
        features.1.conv.2 -> blocks.0.0.bn2
        {string.Join('\n', new[] { 2, 3, 4, 3, 3, 1 }.SelectMany((count, stage) => Enumerable.Range(0, count).Select(i => (stage + 1, i)))
            .Select((at, k) => MobileNetBlock($"features.{k + 2}", $"blocks.{at.Item1}.{at.i}")))}
        features.18.0 -> conv_head
        features.18.1 -> bn2
        classifier.1 -> classifier
        """);

    public static readonly ImmutableArray<NamingScheme> All = [Timm, TorchVision, TorchVisionSwin, HuggingFace, ResNet, MobileNet, TorchVisionMobileNet];

    private static string MobileNetBlock(string theirs, string ours) => $"""
        {theirs}.conv.0.0 -> {ours}.conv_pw
        {theirs}.conv.0.1 -> {ours}.bn1
        {theirs}.conv.1.0 -> {ours}.conv_dw
        {theirs}.conv.1.1 -> {ours}.bn2
        {theirs}.conv.2 -> {ours}.conv_pwl
        {theirs}.conv.3 -> {ours}.bn3
        """;

    private const int MostStages = 6;

    private static string Stage(int stage)
    {
        var (theirs, ours) = ($"features.{2 * stage + 1}.#", $"layers.{stage}.blocks.#");
        return $"""
            {theirs}.norm1 -> {ours}.norm1
            {theirs}.attn.qkv -> {ours}.attn.qkv
            {theirs}.attn.proj -> {ours}.attn.proj
            {theirs}.attn.relative_position_bias_table -> {ours}.attn.relative_position_bias_table
            {theirs}.attn.relative_position_index ->
            {theirs}.attn.logit_scale -> !it is a Swin V2, whose attention is another
            {theirs}.norm2 -> {ours}.norm2
            {theirs}.mlp.0 -> {ours}.mlp.fc1
            {theirs}.mlp.3 -> {ours}.mlp.fc2
            features.{2 * stage + 2}.norm -> layers.{stage + 1}.downsample.norm
            features.{2 * stage + 2}.reduction -> layers.{stage + 1}.downsample.reduction
            """;
    }

    private static string SwinLayer(string at)
    {
        var (theirs, ours) = ($"{at}.blocks.#", "layers.#.blocks.#");
        return $"""
            {theirs}.layernorm_before -> {ours}.norm1
            {theirs}.attention.self.query -> {ours}.attn.qkv/0
            {theirs}.attention.self.key -> {ours}.attn.qkv/1
            {theirs}.attention.self.value -> {ours}.attn.qkv/2
            {theirs}.attention.q_proj -> {ours}.attn.qkv/0
            {theirs}.attention.k_proj -> {ours}.attn.qkv/1
            {theirs}.attention.v_proj -> {ours}.attn.qkv/2
            {theirs}.attention.output.dense -> {ours}.attn.proj
            {theirs}.attention.o_proj -> {ours}.attn.proj
            {theirs}.attention.self.relative_position_bias_table -> {ours}.attn.relative_position_bias_table
            {theirs}.attention.relative_position_bias_table -> {ours}.attn.relative_position_bias_table
            {theirs}.attention.self.relative_position_index ->
            {theirs}.attention.relative_position_index ->
            {theirs}.layernorm_after -> {ours}.norm2
            {theirs}.intermediate.dense -> {ours}.mlp.fc1
            {theirs}.output.dense -> {ours}.mlp.fc2
            {theirs}.mlp.fc1 -> {ours}.mlp.fc1
            {theirs}.mlp.fc2 -> {ours}.mlp.fc2
            {at}.downsample.norm -> layers.#.downsample.norm
            {at}.downsample.reduction -> layers.#.downsample.reduction
            """;
    }

    private static string Layer(string at) => $"""
        {at}.layernorm_before -> blocks.#.norm1
        {at}.norm1 -> blocks.#.norm1
        {at}.attention.attention.query -> blocks.#.attn.qkv/0
        {at}.attention.attention.key -> blocks.#.attn.qkv/1
        {at}.attention.attention.value -> blocks.#.attn.qkv/2
        {at}.attention.output.dense -> blocks.#.attn.proj
        {at}.attention.q_proj -> blocks.#.attn.qkv/0
        {at}.attention.k_proj -> blocks.#.attn.qkv/1
        {at}.attention.v_proj -> blocks.#.attn.qkv/2
        {at}.attention.o_proj -> blocks.#.attn.proj
        {at}.layer_scale1.lambda1 -> blocks.#.ls1.gamma
        {at}.layernorm_after -> blocks.#.norm2
        {at}.norm2 -> blocks.#.norm2
        {at}.intermediate.dense -> blocks.#.mlp.fc1
        {at}.output.dense -> blocks.#.mlp.fc2
        {at}.mlp.fc1 -> blocks.#.mlp.fc1
        {at}.mlp.fc2 -> blocks.#.mlp.fc2
        {at}.mlp.weights_in -> blocks.#.mlp.fc1
        {at}.mlp.weights_out -> blocks.#.mlp.fc2
        {at}.layer_scale2.lambda1 -> blocks.#.ls2.gamma
        """;
}
