using Espalier.Cli.Output;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Cli.Commands;

/// <summary><c>synthesize</c>: images as PNG files to look at, and the exact tensor.</summary>
internal static class SynthesizeHandler
{
    public static SynthesizeResult Run(SynthesizeOptions options, CommandContext context)
    {
        var source = WeightedModel.Open(options.Model, context);
        var compute = Computing.Of(context.Common);
        using var folder = context.OpenRun(options.Output);
        compute.Apply();
        using var teacher = source.Load(compute.Device);
        var settings = SynthesisOptions.For(source.Architecture) with
        {
            Images = options.Count,
            Seed = (ulong)context.Common.Seed,
            Bf16 = compute.TrainsInBf16,
        };
        settings = settings with { Steps = Steps(options, settings, teacher, context.Time) };
        var (meter, best) = (new ProgressMeter(context.Progress, context.Time, "synthesis", settings.Steps), double.PositiveInfinity);
        var begun = context.Time.GetTimestamp();
        using var scope = new TensorScope();
        var checkpoint = new Checkpoint(Path.Combine(folder.StepFolder("synthesis"), "checkpoint.safetensors"), folder.SaveEvery, context.Time);
        var (images, targets) = Inversion.Run(teacher, settings, new(report =>
        {
            best = Math.Min(best, report.Loss);
            meter.Report(report.Step, report.Loss);
        }, Checkpoint: checkpoint), context.Cancellation);
        foreach (var (image, i) in new MetricSetFile(images.ToArray<float>(), images.Shape, settings.Steps).ToImages(teacher.Preprocessing).Select((x, i) => (x, i)))
            PngWriter.Write(folder.PathOf($"{i:D3}.png"), image);
        MetricSetFile.Write(folder.Path, images, targets, settings.Steps);
        folder.Complete();
        return new SynthesizeResult(options.Output, options.Count, settings.Steps, best, context.Time.GetElapsedTime(begun).TotalSeconds);
    }

    private static long Steps(SynthesizeOptions options, SynthesisOptions settings, Model teacher, TimeProvider time)
    {
        if (options.Effort.Steps is { } steps) return steps;
        if (options.Effort.Time is not { } limit) return settings.Steps;
        return Math.Clamp((long)(limit.TotalSeconds * 0.95 / Inversion.Measure(teacher, settings, time)), 1, settings.Steps);
    }
}
