using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier;

/// <summary>What <see cref="EspalierModel.Compress"/> shall do.</summary>
public record CompressOptions : RunOptions
{
    /// <summary>How small.</summary>
    public required Target Target { get; init; }

    /// <summary>How.</summary>
    public CompressionMethod Method { get; init; } = CompressionMethod.Espalier();

    /// <summary>Where the few images are drawn from, labels unused; null makes do with images synthesised from the model.</summary>
    public ImageDataset? Images { get; init; }

    /// <summary>How many images are drawn.</summary>
    public int Count { get; init; } = 500;

    /// <summary>A list of images to take (<c>samples.txt</c> of another run) instead of drawing them by the seed.</summary>
    public string? SampleList { get; init; }

    /// <summary>Labelled images to measure accuracy on, before and after; never used for a decision.</summary>
    public ImageDataset? Eval { get; init; }

    /// <summary>Gradient steps of each finetune, 0 for the repair alone; null when <see cref="Time"/> decides.</summary>
    public long? Steps { get; init; }

    /// <summary>Gradient steps of each candidate in a ranking of blocks; as many as <see cref="Steps"/> when null.</summary>
    public long? RankSteps { get; init; }

    /// <summary>Iterations of the synthesis; as many as <see cref="Steps"/>, at most 2000, when null.</summary>
    public long? SynthesisSteps { get; init; }

    /// <summary>Time for all of it, while <see cref="Steps"/> is null.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromMinutes(20);

    /// <summary>Where synthetic images and measured latencies are kept for later runs; null keeps none.</summary>
    public string? CacheFolder { get; init; }

    /// <summary>Images students are compared with the given model on.</summary>
    public MetricSetOptions MetricSet { get; init; } = new();

    internal FewShotRequest Request(ModelSource source)
    {
        if (source.IsRandom) throw new UsageException($"{source.Model} is an architecture's name, which comes with random weights; open a model folder or a weights file.");
        return new FewShotRequest
        {
            Model = source,
            Target = Target,
            Method = Method.Name,
            Images = Images,
            Count = Count,
            SampleList = SampleList,
            Eval = Eval,
            MetricSet = MetricSet,
            Effort = new FewShotEffort { Steps = Steps, RankSteps = RankSteps, SynthesisSteps = SynthesisSteps, Time = Steps is null ? Time : null },
            Seed = Seed,
            Compute = Compute,
            CacheFolder = CacheFolder,
        };
    }
}
