using Espalier.Models;
using Espalier.Torch;
using Espalier.Widths;

namespace Espalier.OwnMethod;

/// <summary>
/// The last guard against drift: the weights go from the repaired ones towards the finetuned ones only as far as images that nothing
/// was fitted to confirm (weight interpolation, as in WiSE-FT). The result is never further from the teacher on those than the repaired network.
/// </summary>
internal static class Blend
{
    private static readonly double[] s_shares = [0, 0.25, 0.5, 0.75, 1];

    /// <summary>How often the judging images are looked at.</summary>
    internal static int Passes => s_shares.Length;

    /// <summary>Leaves the best blend in <paramref name="finetuned"/>; returns its share of the way.</summary>
    /// <param name="repaired">Where the finetune began.</param>
    /// <param name="finetuned">Where it ended; overwritten.</param>
    /// <param name="judge">Scores on held-out images.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    internal static double Choose(Model repaired, Model finetuned, Judge judge, CancellationToken cancellation)
    {
        using var end = finetuned.Clone();
        var best = s_shares.MinBy(share =>
        {
            Set(finetuned, repaired, end, share);
            return judge.Score(finetuned, cancellation);
        });
        Set(finetuned, repaired, end, best);
        return best;
    }

    private static void Set(Model model, Model from, Model to, double share)
    {
        using var noGrad = new NoGrad();
        foreach (var (name, tensor) in model.Weights)
        {
            using var scope = new TensorScope();
            // The ends as they are: nothing times what is no number would be none either.
            tensor.CopyFrom(share switch
            {
                0 => from.Weights[name],
                1 => to.Weights[name],
                _ => from.Weights[name] + (to.Weights[name] - from.Weights[name]) * share,
            });
        }
    }
}
