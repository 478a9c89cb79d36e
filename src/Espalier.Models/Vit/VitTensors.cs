using System.Collections.Immutable;

namespace Espalier.Models.Vit;

/// <summary>Name and shape of one tensor that an architecture needs.</summary>
public sealed record TensorSpec(string Name, ImmutableArray<long> Shape);

/// <summary>The tensors of a plain ViT under timm's names. What a compressed block lost is absent, not empty.</summary>
public static class VitTensors
{
    /// <summary>Every tensor of <paramref name="net"/>, in the order of the forward pass.</summary>
    public static IEnumerable<TensorSpec> Expected(VitArchitecture net)
    {
        long d = net.EmbedDim, p = net.PatchSize;
        yield return new("cls_token", [1, 1, d]);
        yield return new("pos_embed", [1, net.Tokens, d]);
        yield return new("patch_embed.proj.weight", [d, net.Channels, p, p]);
        yield return new("patch_embed.proj.bias", [d]);
        for (var i = 0; i < net.Depth; i++)
            foreach (var tensor in OfBlock(i, net.Blocks[i], net.EmbedDim, net.Tokens))
                yield return tensor;
        foreach (var tensor in Norm("norm", d)) yield return tensor;
        foreach (var tensor in Linear("head", net.Classes, d)) yield return tensor;
    }

    /// <summary>
    /// The tensors of block <paramref name="index"/>. <c>attn.qkv.weight</c> is [heads·(2·qk + v), D]: rows q, then k, then v,
    /// each head-major; <c>attn.proj.weight</c> is [D, heads·v]. A token mixer of rank r has <c>mixer.bias</c> [N, D] and, unless r is
    /// 0, <c>mixer.down.weight</c> [r, D] and <c>mixer.up.weight</c> [D, r].
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
                .. Linear(prefix + "attn.qkv", heads * (2 * block.QkDim + block.VDim), d),
                .. Linear(prefix + "attn.proj", d, heads * block.VDim)];
        if (block.MixerRank is { } rank) tensors = [.. tensors, .. Mixer(prefix + "mixer", rank, d, tokens)];
        if (block.HasMlp)
            tensors = [
                .. tensors,
                .. Norm(prefix + "norm2", d),
                .. Linear(prefix + "mlp.fc1", block.MlpHidden, d),
                .. Linear(prefix + "mlp.fc2", d, block.MlpHidden)];
        return tensors;
    }

    private static IEnumerable<TensorSpec> Mixer(string name, int rank, long width, int tokens)
    {
        var bias = new TensorSpec($"{name}.bias", [tokens, width]);
        return rank == 0 ? [bias] : [bias, new($"{name}.down.weight", [rank, width]), new($"{name}.up.weight", [width, rank])];
    }

    private static IEnumerable<TensorSpec> Norm(string name, long width) => [new($"{name}.weight", [width]), new($"{name}.bias", [width])];

    private static IEnumerable<TensorSpec> Linear(string name, long outputs, long inputs) =>
        [new($"{name}.weight", [outputs, inputs]), new($"{name}.bias", [outputs])];
}
