namespace Espalier.MetricSets;

/// <summary>How the synthetic metric set is made (DeepInversion setting, §3). Defaults are the method's for Vision Transformers.</summary>
public sealed record SynthesisOptions
{
    /// <summary>Images, optimised as one batch; classes repeat when there are more images than classes.</summary>
    public int Images { get; init; } = 50;

    /// <summary>Iterations; the method runs 2000.</summary>
    public long Steps { get; init; } = 2000;

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

    /// <summary>β for an architecture by its timm name.</summary>
    public static double BetaFor(string name) => name.StartsWith("vit", StringComparison.Ordinal) || name == "fashion-vit" ? 0.6 : 1;
}
