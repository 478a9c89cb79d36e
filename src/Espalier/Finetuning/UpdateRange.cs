using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;

namespace Espalier.Finetuning;

/// <summary>Which tensors a finetune moves (<c>update_setting</c>, §5.2).</summary>
public enum UpdateRange
{
    /// <summary>The method: embeddings and blocks up to the one after the last compressed block, and the final LayerNorm.</summary>
    Before,
    /// <summary>Everything but the head.</summary>
    All,
    /// <summary>Blocks from two before the first to two after the last compressed one, with embeddings and final LayerNorm.</summary>
    Inter,
    /// <summary>LN1 and LN2 of all blocks.</summary>
    LayerNorms,
    /// <summary>Biases of all MLPs.</summary>
    MlpBiases,
    /// <summary>Attentions of all blocks.</summary>
    Attention,
}

/// <summary>Turns an <see cref="UpdateRange"/> into tensor names.</summary>
public static class UpdateRanges
{
    /// <summary>e = min(max(compressed) + 1, cap): the last block that <see cref="UpdateRange.Before"/> moves.</summary>
    /// <param name="compressed">Indices of all blocks compressed so far.</param>
    /// <param name="depth">L.</param>
    /// <param name="cap">Largest e; null means L−1.</param>
    public static int LastBlock(IReadOnlyCollection<int> compressed, int depth, int? cap = null) =>
        Math.Min(compressed.Max() + 1, Math.Min(cap ?? depth - 1, depth - 1));

    /// <summary>Names of the tensors to train, in the model's order. The head is never among them.</summary>
    /// <param name="model">The student.</param>
    /// <param name="range">The setting.</param>
    /// <param name="compressed">Indices of all blocks compressed so far; at least one.</param>
    /// <param name="lastBlock">e, see <see cref="LastBlock"/>.</param>
    /// <param name="trainNorm">Whether the final LayerNorm moves.</param>
    /// <param name="reach">Last block the loss depends on, L for what comes after all of them: tensors after it are left out.</param>
    public static IReadOnlyList<string> Names(Model model, UpdateRange range, IReadOnlyCollection<int> compressed, int lastBlock,
        bool trainNorm, int reach)
    {
        var (first, last) = range switch
        {
            UpdateRange.Before => (0, lastBlock),
            UpdateRange.Inter => (compressed.Min() - 2, compressed.Max() + 2),
            _ => (0, model.Architecture.Depth - 1),
        };
        var whole = range is UpdateRange.Before or UpdateRange.All or UpdateRange.Inter;
        if (model is CnnModel cnn) return CnnNames(cnn, range, first, Math.Min(last, reach), withTail: reach == cnn.Architecture.Depth);
        return [.. model.Weights.Keys.Where(name => BlockOf(name) is { } block
            ? block >= first && block <= Math.Min(last, reach) && (whole || Matches(range, name))
            : whole && !model.IsAfterFeatures(name) && (trainNorm || !VitTensors.IsFinalNorm(name)))];
    }

    /// <summary>Makes sure that a network has what a range moves.</summary>
    /// <exception cref="UsageException">It is convolutional, and the range is of a part that only transformers have.</exception>
    internal static void Require(Architecture net, UpdateRange range)
    {
        if (net is CnnArchitecture && range is (UpdateRange.MlpBiases or UpdateRange.Attention))
            throw new UsageException($"{net.Name} is a convolutional network, which has neither MLPs nor attentions to move alone; give before, all, inter or ln.")
            { Settings = [nameof(FinetuneOptions.Update)] };
    }

    // The stem moves with the blocks; what comes after them (a convolution, the head) only when everything does.
    private static IReadOnlyList<string> CnnNames(CnnModel model, UpdateRange range, int first, int last, bool withTail)
    {
        Require(model.Architecture, range);
        return [.. model.Parameters.Select(t => t.Key).Where(name => !model.IsHead(name) && model.Layer(name) - 1 is var block && range switch
        {
            UpdateRange.LayerNorms => model.IsNorm(name) && block <= last,
            UpdateRange.All => block <= last || (withTail && block == model.Architecture.Depth),
            _ => block == -1 || (block >= first && block <= last),
        })];
    }

    private static bool Matches(UpdateRange range, string name) => range switch
    {
        UpdateRange.LayerNorms => name.Contains(".norm", StringComparison.Ordinal),
        UpdateRange.MlpBiases => name.Contains(".mlp.", StringComparison.Ordinal) && name.EndsWith(".bias", StringComparison.Ordinal),
        _ => name.Contains(".attn.", StringComparison.Ordinal),
    };

    private static int? BlockOf(string name)
    {
        if (!name.StartsWith("blocks.", StringComparison.Ordinal)) return null;
        var rest = name.AsSpan("blocks.".Length);
        return int.Parse(rest[..rest.IndexOf('.')]);
    }
}
