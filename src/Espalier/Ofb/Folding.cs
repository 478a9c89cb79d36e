using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>One factor per unit: the bi-masks of a search, or the gains after it.</summary>
/// <param name="Embed">[E], of the first stage.</param>
/// <param name="Attention">Block by block: [heads·dim], head-major.</param>
/// <param name="Mlp">Block by block: [mlp_hidden].</param>
public sealed record UnitFactors(Tensor Embed, ImmutableArray<Tensor> Attention, ImmutableArray<Tensor> Mlp)
{
    /// <summary>Those of later stages, with the first block of each.</summary>
    public ImmutableArray<(int First, Tensor Embed)> Stages { get; init; } = [];

    internal Tensor EmbedAt(string block) => Stages.LastOrDefault(s => s.First <= int.Parse(block)) is (> 0, var embed) ? embed : Embed;
}

/// <summary>
/// Factors on the outputs of linear maps are factors on the maps' rows, so that a masked supernet is the ordinary forward pass on folded weights,
/// and the final network is a fold, too.
/// </summary>
public static class Folding
{
    /// <summary>
    /// The weights with all factors folded in, differentiable in both. Embedding: patches (their norm where they have one), class token and
    /// positions, or patch merging, and, with
    /// <paramref name="allWrites"/>, everything written to the residual stream; attention: q, k and v alike; MLP: hidden units before GELU.
    /// </summary>
    /// <param name="weights">Tensors by timm's names.</param>
    /// <param name="factors">One per unit of those tensors.</param>
    /// <param name="allWrites">The embedding's factors scale attention and MLP outputs, too; without, the input alone.</param>
    /// <returns>New handles, the caller's to dispose; the graph keeps what it needs.</returns>
    public static Weights Apply(Weights weights, UnitFactors factors, bool allWrites)
    {
        var folded = new Weights();
        var patches = weights.ContainsKey("patch_embed.norm.weight") ? "norm" : "proj";
        foreach (var (name, tensor) in weights)
        {
            using var scope = new TensorScope();
            folded.Set(name, Factor(name, factors, allWrites, patches) is { } factor ? Times(tensor, factor, name is "cls_token" or "pos_embed") : tensor.Alias());
        }
        return folded;
    }

    private static Tensor? Factor(string name, UnitFactors factors, bool allWrites, string patches) => name.Split('.') switch
    {
        ["cls_token" or "pos_embed"] => factors.Embed,
        ["patch_embed", var layer, _] when layer == patches => factors.Embed,
        ["blocks", var block, "downsample", "reduction", _] => factors.EmbedAt(block),
        ["blocks", var block, "attn", "qkv", _] => Tensor.Cat([.. Enumerable.Repeat(factors.Attention[int.Parse(block)], 3)], 0),
        ["blocks", var block, "mlp", "fc1", _] => factors.Mlp[int.Parse(block)],
        ["blocks", var block, "attn" or "mlp", "proj" or "fc2", _] when allWrites => factors.EmbedAt(block),
        _ => null,
    };

    // Units lie along the first dimension of a layer's tensors, along the last of the tokens.
    private static Tensor Times(Tensor tensor, Tensor factor, bool alongLast) =>
        tensor * (alongLast ? factor : factor.Reshape([-1, .. Enumerable.Repeat(1L, tensor.Shape.Length - 1)]));
}
