using System.Collections.Immutable;
using System.Globalization;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>
/// What a ViT has of which some are kept and others cut, one by one. A <see cref="WidthKind"/> is a number that one block has, and changes without the
/// others; units may be those of several widths at once.
/// </summary>
public enum UnitKind
{
    /// <summary>Residual channels, of the whole network or of one stage.</summary>
    Embedding,
    /// <summary>(Head, channel) pairs of one attention, head-major; the same ones of q, k and v, so that whole heads may go, too.</summary>
    HeadChannels,
    /// <summary>Hidden units of one MLP.</summary>
    Hidden,
}

/// <summary>
/// Units to keep, and what that means for each tensor. Whatever has a tensor's shape, such as an optimizer's moments of it, is cut alike.
/// </summary>
/// <param name="Kind">What is cut.</param>
/// <param name="Block">Of which block; of the embedding the first block of its stage, -1 for the first stage.</param>
/// <param name="Before">Units before.</param>
/// <param name="Kept">Units kept, in their new order.</param>
public sealed record WidthCut(UnitKind Kind, int Block, int Before, ImmutableArray<int> Kept)
{
    /// <summary>Channels of a head before; needed where heads have biases by relative position.</summary>
    public int HeadDim { get; init; }

    /// <summary>How often hidden units lie side by side in fc1: twice where the MLP is gated.</summary>
    public int HiddenCopies { get; init; } = 1;

    /// <summary>The first block after the stage whose residual channels are cut; null when it is the last one.</summary>
    public int? Until { get; init; }

    /// <summary>A cut of a network.</summary>
    public static WidthCut Of(VitArchitecture net, UnitKind kind, int block, ImmutableArray<int> kept)
    {
        var (first, shape) = (Math.Max(0, block), net.Blocks[Math.Max(0, block)]);
        return kind switch
        {
            UnitKind.HeadChannels => new(kind, block, shape.Heads * shape.QkDim, kept) { HeadDim = shape.QkDim },
            UnitKind.Hidden => new(kind, block, shape.MlpHidden, kept) { HiddenCopies = shape.GatedMlp ? 2 : 1 },
            _ => new(kind, block, net.WidthOf(first), kept) { Until = net.Stages.Where(stage => stage > first).Select(stage => (int?)stage).FirstOrDefault() },
        };
    }

    /// <summary>The tensor of that name with the kept units alone; the same tensor when the cut does not concern it.</summary>
    public Tensor Apply(string name, Tensor tensor)
    {
        if (Kind == UnitKind.HeadChannels && name == $"blocks.{Block}.attn.relative_position_bias_table")
            return tensor.IndexSelect(1, [.. Kept.Select(unit => unit / HeadDim).Distinct()]);
        foreach (var (dim, copies) in Places(name))
            tensor = tensor.IndexSelect(dim, [.. Enumerable.Range(0, copies).SelectMany(c => Kept.Select(u => c * Before + u))]);
        return tensor;
    }

    /// <summary>The dimensions of a tensor along which the units lie, and how often they lie there side by side (q, k and v: three times).</summary>
    public IEnumerable<(int Dim, int Copies)> Places(string name)
    {
        var prefix = $"blocks.{Block}.";
        return Kind switch
        {
            UnitKind.HeadChannels => !Local(prefix + "attn.") ? [] : Of("qkv.weight", "qkv.bias") ? [(0, 3)] : Of("proj.weight") ? [(1, 1)] : [],
            UnitKind.Hidden => !Local(prefix + "mlp.") ? [] : Of("fc1.weight", "fc1.bias") ? [(0, HiddenCopies)] : Of("fc2.weight") ? [(1, 1)] : [],
            _ => Embedding(name),
        };

        bool Local(string start) => name.StartsWith(start, StringComparison.Ordinal);
        bool Of(params string[] ends) => ends.Any(end => name.EndsWith(end, StringComparison.Ordinal));
    }

    private IEnumerable<(int Dim, int Copies)> Embedding(string name)
    {
        if (name is "cls_token" or "pos_embed") return [(2, 1)];
        return name.Split('.') switch
        {
            ["patch_embed", ..] => Block <= 0 ? [(0, 1)] : [],
            ["head", "weight"] => Until is null ? [(1, 1)] : [],
            ["norm", _] => Until is null ? [(0, 1)] : [],
            ["blocks", var index, .. var rest] => Embedding(int.Parse(index, CultureInfo.InvariantCulture), rest),
            _ => [],
        };
    }

    // Patch merging before a stage writes its channels; the one after it reads four neighbours of them.
    private IEnumerable<(int Dim, int Copies)> Embedding(int block, string[] name)
    {
        if (block == Until) return name switch { ["downsample", "norm", _] => [(0, 4)], ["downsample", "reduction", _] => [(1, 4)], _ => [] };
        if (block < Block || block > Until) return [];
        return name switch
        {
            ["downsample", "reduction", _] => block == Block ? [(0, 1)] : [],
            ["downsample", ..] => [],
            ["norm1" or "norm2", _] => [(0, 1)],
            [.., "qkv" or "fc1", "weight"] => [(1, 1)],
            [.., "proj" or "fc2", _] => [(0, 1)],
            ["linear", "weight"] => [(0, 1), (1, 1)],
            ["linear", "bias"] => [(0, 1)],
            ["mixer", "bias"] or ["mixer", "down", _] => [(1, 1)],
            ["mixer", "up", _] => [(0, 1)],
            _ => [],
        };
    }
}
