using System.Globalization;

namespace Espalier.Models.Vit;

/// <summary>
/// The tensors of a Vision Transformer under timm's names. What a compressed block lost is absent, not empty. In memory the blocks of all stages
/// of a Swin are counted through (<c>blocks.5.norm1.weight</c>) and patch merging is named after the block it stands before
/// (<c>blocks.4.downsample.norm.weight</c>); <see cref="FileName"/> has timm's names for both.
/// </summary>
public static class VitTensors
{
    /// <summary>Every tensor of <paramref name="net"/>, in the order of the forward pass.</summary>
    public static IEnumerable<TensorSpec> Expected(VitArchitecture net)
    {
        long d = net.EmbedDim, p = net.PatchSize;
        foreach (var token in Prefix(net)) yield return token;
        if (net.Positions > 0) yield return new("pos_embed", [1, net.Positions, d]);
        yield return new("patch_embed.proj.weight", [d, net.Channels, p, p]);
        if (net.PatchBias) yield return new("patch_embed.proj.bias", [d]);
        if (net.Staged)
            foreach (var tensor in Norm("patch_embed.norm", d)) yield return tensor;
        if (net.PreNorm)
            foreach (var tensor in Norm("norm_pre", d)) yield return tensor;
        for (var i = 0; i < net.Depth; i++)
            foreach (var tensor in OfBlock(net, i)) yield return tensor;
        foreach (var tensor in Norm(net.FinalNorm, net.Features)) yield return tensor;
        if (net.Classes > 0)
            foreach (var tensor in Linear("head", net.Classes, net.Features)) yield return tensor;
        if (net.DistHead)
            foreach (var tensor in Linear("head_dist", net.Classes, net.Features)) yield return tensor;
    }

    /// <summary>The name a tensor has in files, where a Swin is named by stage: <c>layers.1.blocks.0</c>, <c>layers.1.downsample</c>, <c>head.fc</c>.</summary>
    public static string FileName(VitArchitecture net, string name)
    {
        if (!net.Staged) return name;
        if (name.StartsWith("head.", StringComparison.Ordinal)) return $"head.fc.{name["head.".Length..]}";
        if (name.Split('.', 3) is not ["blocks", var index, var rest]) return name;
        var block = int.Parse(index, CultureInfo.InvariantCulture);
        var stage = net.Stages.Count(first => first <= block) - 1;
        return rest.StartsWith("downsample.", StringComparison.Ordinal) ? $"layers.{stage}.{rest}" : $"layers.{stage}.blocks.{block - net.Stages[stage]}.{rest}";
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
    /// The tensors of block <paramref name="index"/> and of the patch merging before it. <c>attn.qkv.weight</c> is [heads·(2·qk + v), D]: rows q, then k, then v,
    /// each head-major; <c>attn.proj.weight</c> is [D, heads·v]; q/k norms are [qk], one for all heads. A
    /// token mixer of rank r has <c>mixer.bias</c> [N, D] and, unless r is 0, <c>mixer.down.weight</c> [r, D] and <c>mixer.up.weight</c> [D, r].
    /// </summary>
    public static IEnumerable<TensorSpec> OfBlock(VitArchitecture net, int index)
    {
        var (block, prefix) = (net.Blocks[index], $"blocks.{index}.");
        long d = net.WidthOf(index), heads = block.Heads;
        IEnumerable<TensorSpec> tensors = block.DownsampleDim > 0 ? Downsample(prefix + "downsample", net.WidthOf(index - 1), d) : [];
        if (block.IsLinear) return [.. tensors, .. Linear(prefix + "linear", d, d)];
        if (block.HasAttention)
            tensors = [
                .. tensors,
                .. Norm(prefix + "norm1", d),
                .. RelativeBias(block, prefix),
                .. Linear(prefix + "attn.qkv", heads * (2 * block.QkDim + block.VDim), d, block.QkvBias),
                .. QkNorms(block, prefix),
                .. Linear(prefix + "attn.proj", d, heads * block.VDim),
                .. Scale(block, prefix + "ls1", d)];
        if (block.MixerRank is { } rank) tensors = [.. tensors, .. Mixer(prefix + "mixer", rank, d, net.TokensOf(index))];
        if (block.HasMlp)
            tensors = [
                .. tensors,
                .. Norm(prefix + "norm2", d),
                .. Linear(prefix + "mlp.fc1", block.MlpRows, d),
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

    // Four neighbours side by side, normalised, to the new width.
    private static IEnumerable<TensorSpec> Downsample(string name, long before, long after) =>
        [.. Norm(name + ".norm", 4 * before), .. Linear(name + ".reduction", after, 4 * before, bias: false)];

    private static IEnumerable<TensorSpec> RelativeBias(VitBlock block, string prefix) => !block.HasWindows ? Nothing
        : [new(prefix + "attn.relative_position_bias_table", [WindowLayout.Offsets(block.Window), block.Heads])];

    private static IEnumerable<TensorSpec> QkNorms(VitBlock block, string prefix) =>
        block.QkNorm ? [.. Norm(prefix + "attn.q_norm", block.QkDim), .. Norm(prefix + "attn.k_norm", block.QkDim)] : Nothing;

    private static IEnumerable<TensorSpec> Scale(VitBlock block, string name, long width) =>
        block.LayerScale ? [new($"{name}.gamma", [width])] : Nothing;

    private static TensorSpec[] Nothing => [];
}
