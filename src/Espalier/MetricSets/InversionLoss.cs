using Espalier.Torch;

namespace Espalier.MetricSets;

/// <summary>The image priors of the synthetic metric set (§3), on a batch X̃ of [B, C, H, W] in normalised pixel space.</summary>
public static class InversionLoss
{
    /// <summary>Differences between neighbours: horizontal, vertical and the two diagonals.</summary>
    public static Tensor[] Differences(Tensor x)
    {
        long h = x.Size(2), w = x.Size(3);
        var left = x.Narrow(3, 0, w - 1);
        var right = x.Narrow(3, 1, w - 1);
        return
        [
            left - right,
            x.Narrow(2, 0, h - 1) - x.Narrow(2, 1, h - 1),
            left.Narrow(2, 0, h - 1) - right.Narrow(2, 1, h - 1),
            left.Narrow(2, 1, h - 1) - right.Narrow(2, 0, h - 1),
        ];
    }

    /// <summary>TV₂ = Σ_q ‖d_q‖₂^β, each norm over the whole batch tensor.</summary>
    public static Tensor TotalVariation2(Tensor x, double beta) =>
        Sum(Differences(x).Select(d => beta == 1 ? d.Norm() : d.Norm().Pow(beta)));

    /// <summary>TV₁ = Σ_q mean |d_q|.</summary>
    public static Tensor TotalVariation1(Tensor x) => Sum(Differences(x).Select(d => d.Abs().Mean()));

    /// <summary>Mean over images of ‖X̃_b‖₂, not squared.</summary>
    public static Tensor L2(Tensor x) => x.Reshape(x.Size(0), -1).Norm([1]).Mean();

    private static Tensor Sum(IEnumerable<Tensor> terms) => terms.Aggregate((a, b) => a + b);
}
