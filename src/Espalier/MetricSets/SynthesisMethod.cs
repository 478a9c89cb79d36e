using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.MetricSets;

/// <summary>What <c>synthesize</c> does.</summary>
public sealed record SynthesisRequest
{
    public required ModelSource Model { get; init; }

    /// <summary>How many images.</summary>
    public int Count { get; init; } = 50;

    /// <summary>Iterations; null when <see cref="Time"/> decides, or the method's own number.</summary>
    public long? Steps { get; init; }

    /// <summary>Time for the whole command, while <see cref="Steps"/> is null.</summary>
    public TimeSpan? Time { get; init; }

    public required ulong Seed { get; init; }

    public required ComputeOptions Compute { get; init; }
}

/// <summary>What a synthesis came to.</summary>
/// <param name="Count">Images.</param>
/// <param name="Steps">Iterations taken.</param>
/// <param name="Loss">The lowest.</param>
public sealed record SynthesisResult(int Count, long Steps, double Loss);

/// <summary>The synthetic metric set alone, as a run of one resumable step: PNG files to look at, and the exact tensor (§3).</summary>
public sealed class SynthesisMethod(SynthesisRequest request, TimeProvider time)
{
    private const string StepName = "synthesis", RecordFile = "synthesized.json";
    // The rest of the time is for loading the network and writing the images.
    private const double Share = 0.95;
    private const int MostPoints = 4000;

    /// <summary>Runs, or goes on with, the synthesis; leaves the images in the run folder.</summary>
    public SynthesisResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        request.Compute.Apply();
        new Run(folder, [new RunStep(StepName, Synthesise)], time).Execute(progress, cancellation);
        return StepFile.Read<SynthesisResult>(folder.StepFolder(StepName), RecordFile)
            ?? throw new UsageException($"'{folder.Path}' is finished already; there is nothing to resume.");
    }

    private void Synthesise(StepContext context)
    {
        var budget = request is { Steps: null, Time: { } total }
            ? new TimeBudget(total, time, [], TimeSpan.FromSeconds(context.Run.State.Seconds)) : null;
        using var scope = new TensorScope();
        using var teacher = request.Model.Load(request.Compute.Device);
        var options = SynthesisOptions.For(request.Model.Architecture) with
        {
            Images = request.Count, Seed = request.Seed, Bf16 = request.Compute.TrainsInBf16,
        };
        var steps = request.Steps ?? (budget is null ? options.Steps : PlannedSteps.Once(context.Folder, () =>
            Math.Clamp((long)(budget.Left.TotalSeconds * Share / Inversion.Measure(teacher, options, time)), 1, options.Steps)));
        var meter = new ProgressMeter(context.Progress, time, "synthesis", steps);
        // Kept with the checkpoint: steps and losses of all sittings.
        var curve = new LossCurve(steps, (int)Math.Min(steps, MostPoints));
        var (images, targets) = Inversion.Run(teacher, options with { Steps = steps }, new LoopHooks(report => meter.Report(report.Step, report.Loss),
            () => budget is { IsOver: true }, context.Checkpoint(time)) { Curve = curve }, context.Cancellation);
        var set = new MetricSetFile(images.ToArray<float>(), images.Shape, curve.Step);
        foreach (var (image, i) in set.ToImages(teacher.Preprocessing).Select((image, i) => (image, i)))
            PngWriter.Write(context.Run.PathOf($"{i:D3}.png"), image);
        MetricSetFile.Write(context.Run.Path, images, targets, curve.Step);
        StepFile.Write(context.Folder, RecordFile, new SynthesisResult(request.Count, curve.Step, curve.Points.Min(p => p.Loss)));
    }
}
