using Espalier.MetricSets;
using Espalier.Models.Formats;

namespace Espalier;

/// <summary>What <see cref="EspalierModel.Synthesize"/> shall do.</summary>
public sealed record SynthesizeOptions : RunOptions
{
    /// <summary>How many images.</summary>
    public int Count { get; init; } = 50;

    /// <summary>Iterations; null when <see cref="Time"/> decides, or the method's own number.</summary>
    public long? Steps { get; init; }

    /// <summary>Time for all of it, while <see cref="Steps"/> is null; null takes as long as the method's own number of iterations.</summary>
    public TimeSpan? Time { get; init; }

    internal SynthesisRequest Request(ModelSource source) => source.IsRandom
        ? throw new UsageException($"{source.Model} is an architecture's name, which comes with random weights; open a model folder or a weights file.")
        : new() { Model = source, Count = Count, Steps = Steps, Time = Time, Seed = Seed, Compute = Compute };
}
