namespace Espalier.Models.Vit;

/// <summary>The tensors of a plain ViT under timm's names. What a compressed block lost is absent, not empty.</summary>
public static class VitTensors
{
    /// <summary>Every tensor of <paramref name="net"/>, in the order of the forward pass.</summary>
    public static IEnumerable<TensorSpec> Expected(VitArchitecture net)
    {
        long d = net.EmbedDim, p = net.PatchSize;
        foreach (var token in Prefix(net)) yield return token;
        yield return new("pos_embed", [1, net.Positions, d]);
        yield return new("patch_embed.proj.weight", [d, net.Channels, p, p]);
        if (net.PatchBias) yield return new("patch_embed.proj.bias", [d]);
        if (net.PreNorm)
            foreach (var tensor in Norm("norm_pre", d)) yield return tensor;
        for (var i = 0; i < net.Depth; i++)
            foreach (var tensor in OfBlock(i, net.Blocks[i], net.EmbedDim, net.Tokens))
                yield return tensor;
        foreach (var tensor in Norm(net.FinalNorm, d)) yield return tensor;
        if (net.Classes > 0)
            foreach (var tensor in Linear("head", net.Classes, d)) yield return tensor;
        if (net.DistHead)
            foreach (var tensor in Linear("head_dist", net.Classes, d)) yield return tensor;
    }

    /// <summary>The tokens before the patches, in their order: [1, how many, D] each.</summary>
    public static IEnumerable<TensorSpec> Prefix(VitArchitecture net)
    {
        long d = net.EmbedDim;
        if (net.ClassToken) yield return new("cls_token", [1, 1, d]);
        if (net.DistToken) yield return new("dist_token", [1, 1, d]);
        if (net.RegTokens > 0) yield return new("reg_token", [1, net.RegTokens, d]);
    }

    /// <summary>Whether the tensor belongs to a head.</summary>
    public static bool IsHead(string name) =>
        name.StartsWith("head.", StringComparison.Ordinal) || name.StartsWith("head_dist.", StringComparison.Ordinal);

    /// <summary>Whether the tensor belongs to the final LayerNorm.</summary>
    public static bool IsFinalNorm(string name) =>
        name.StartsWith("norm.", StringComparison.Ordinal) || name.StartsWith("fc_norm.", StringComparison.Ordinal);

    /// <summary>
    /// The tensors of block <paramref name="index"/>. <c>attn.qkv.weight</c> is [heads·(2·qk + v), D]: rows q, then k, then v,
    /// each head-major; <c>attn.proj.weight</c> is [D, heads·v]; q/k norms are [qk], one for all heads. A
    /// token mixer of rank r has <c>mixer.bias</c> [N, D] and, unless r is 0, <c>mixer.down.weight</c> [r, D] and <c>mixer.up.weight</c> [D, r].
    /// </summary>
    public static IEnumerable<TensorSpec> OfBlock(int index, VitBlock block, int embedDim, int tokens)
    {
        var prefix = $"blocks.{index}.";
        long d = embedDim, heads = block.Heads;
        if (block.IsLinear) return Linear(prefix + "linear", d, d);
        IEnumerable<TensorSpec> tensors = [];
        if (block.HasAttention)
            tensors = [
                .. Norm(prefix + "norm1", d),
                .. Linear(prefix + "attn.qkv", heads * (2 * block.QkDim + block.VDim), d, block.QkvBias),
                .. QkNorms(block, prefix),
                .. Linear(prefix + "attn.proj", d, heads * block.VDim),
                .. Scale(block, prefix + "ls1", d)];
        if (block.MixerRank is { } rank) tensors = [.. tensors, .. Mixer(prefix + "mixer", rank, d, tokens)];
        if (block.HasMlp)
            tensors = [
                .. tensors,
                .. Norm(prefix + "norm2", d),
                .. Linear(prefix + "mlp.fc1", block.MlpHidden, d),
                .. Linear(prefix + "mlp.fc2", d, block.MlpHidden),
                .. Scale(block, prefix + "ls2", d)];
        return tensors;
    }

    private static IEnumerable<TensorSpec> Mixer(string name, int rank, long width, int tokens)
    {
        var bias = new TensorSpec($"{name}.bias", [tokens, width]);
        return rank == 0 ? [bias] : [bias, new($"{name}.down.weight", [rank, width]), new($"{name}.up.weight", [width, rank])];
    }

    private static IEnumerable<TensorSpec> Norm(string name, long width) => [new($"{name}.weight", [width]), new($"{name}.bias", [width])];

    private static IEnumerable<TensorSpec> Linear(string name, long outputs, long inputs, bool bias = true) =>
        [new($"{name}.weight", [outputs, inputs]), .. bias ? [new($"{name}.bias", [outputs])] : Nothing];

    private static IEnumerable<TensorSpec> QkNorms(VitBlock block, string prefix) =>
        block.QkNorm ? [.. Norm(prefix + "attn.q_norm", block.QkDim), .. Norm(prefix + "attn.k_norm", block.QkDim)] : Nothing;

    private static IEnumerable<TensorSpec> Scale(VitBlock block, string name, long width) =>
        block.LayerScale ? [new($"{name}.gamma", [width])] : Nothing;

    private static TensorSpec[] Nothing => [];
}
