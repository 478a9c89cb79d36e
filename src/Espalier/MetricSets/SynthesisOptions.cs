using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.MetricSets;

/// <summary>How the synthetic metric set is made (DeepInversion setting, §3). Defaults are the method's for Vision Transformers.</summary>
public sealed record SynthesisOptions
{
    // Of an image that says anything at half its size.
    private const int SmallestSide = 8;

    /// <summary>Images, optimised as one batch; classes repeat when there are more images than classes.</summary>
    public int Images { get; init; } = 50;

    /// <summary>Iterations of all passes; the method runs 2000 in each.</summary>
    public long Steps { get; init; } = 2000;

    /// <summary>A first pass of half the iterations sees the images pooled to half their size; a second one, with rate and moments begun anew, sees them whole.</summary>
    public bool HalfResolutionFirst { get; init; }

    public ulong Seed { get; init; }

    /// <summary>Peak learning rate of Adam on the pixels.</summary>
    public double LearningRate { get; init; } = 0.25;

    /// <summary>Exponent β of TV₂: 0.6 for plain ViTs, 1 for Swin, DeiT and CNNs.</summary>
    public double Beta { get; init; } = 0.6;

    /// <summary>Weight of TV₂.</summary>
    public double Tv2 { get; init; } = 1e-4;

    /// <summary>Weight of TV₁.</summary>
    public double Tv1 { get; init; }

    /// <summary>Weight of the L2 term.</summary>
    public double L2 { get; init; } = 1e-5;

    /// <summary>Weight of the distance from the running statistics of BatchNorms, where the teacher has any.</summary>
    public double Statistics { get; init; } = 0.01;

    /// <summary>Largest circular shift per axis, as a share of the image side: 30 pixels of 224.</summary>
    public double Jitter { get; init; } = 30.0 / 224;

    /// <summary>Flip the batch with probability one half.</summary>
    public bool Flip { get; init; } = true;

    /// <summary>Matrix products in bf16.</summary>
    public bool Bf16 { get; init; }

    /// <summary>The method's setting for a network: for convolutional ones, whose features do not depend on the size, a pass at half of it comes first.</summary>
    public static SynthesisOptions For(Architecture net)
    {
        var options = new SynthesisOptions { Beta = BetaFor(net.Name), HalfResolutionFirst = net is CnnArchitecture && net.ImageSize >= 2 * SmallestSide && net.ImageSize % 2 == 0 };
        return options with { Steps = options.HalfResolutionFirst ? 2 * options.Steps : options.Steps };
    }

    /// <summary>β for an architecture by its timm name.</summary>
    public static double BetaFor(string name) => name.StartsWith("vit", StringComparison.Ordinal) || name == "fashion-vit" ? 0.6 : 1;
}
