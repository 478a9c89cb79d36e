using Espalier.Evaluation;
using Espalier.MetricSets;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.FewShot;

/// <summary>The second step: make, find or load the metric set (§3-4).</summary>
internal static class MetricSetStage
{
    internal const string Name = "synthesis";
    private const string RecordFile = "metric-set.json";

    internal static void Run(FewShotSession session, StepContext context)
    {
        using var scope = new TensorScope();
        var begun = session.Time.GetTimestamp();
        var wanted = session.Request.MetricSet;
        // Without real images the synthetic ones are also what is trained on, so they are needed whatever the metric set is.
        if (wanted.IsSynthetic || session.Request.Images is null) Synthesise(session, context, begun);
        else
        {
            var images = session.Request.OtherMetricSet() ?? session.Samples.Train;
            var chosen = images.Subset(FewShotSampler.Sample(images, wanted.MaxImages, session.Request.Seed));
            MetricSetFile.Write(context.Folder, ImageTensors.Load(chosen, session.Teacher.Preprocessing), null, steps: 0);
            Write(session, context, new MetricSetRecord(0, false, 0), begun);
        }
    }

    internal static Recoverability Load(FewShotSession session)
    {
        using var scope = new TensorScope();
        var images = MetricSetFile.Read(session.Folder.StepFolder(Name)).ToTensor(session.Compute.Device);
        if (session.Request.MetricSet is { LossyStorage: true, IsSynthetic: true })
            images = LossyStorage.RoundTrip(images, session.Teacher.Preprocessing);
        return new Recoverability(session.Teacher, images, session.Request.MetricSet.Kind, session.Compute.TrainsInBf16);
    }

    internal static MetricSetRecord Read(FewShotSession session) =>
        StepFile.Read<MetricSetRecord>(session.Folder.StepFolder(Name), RecordFile) ?? new MetricSetRecord(0, false, 0);

    private static void Synthesise(FewShotSession session, StepContext context, long begun)
    {
        var cache = session.Request is { CacheFolder: { } root, Model.SourceHash: { } hash }
            ? new MetricSetCache(root, hash, session.Teacher.Architecture, session.Teacher.Preprocessing, Options(session), session.Compute) : null;
        var (steps, exact) = Steps(session, context);
        if (cache?.Find(steps, exact) is { } found)
        {
            AtomicFile.Copy(Path.Combine(found, MetricSetFile.FileName), Path.Combine(context.Folder, MetricSetFile.FileName));
            context.Progress.Report(ProgressUpdate.Message(Name, $"using the synthetic set of an earlier run in {found}"));
            Write(session, context, new MetricSetRecord(MetricSetFile.Read(context.Folder).Steps, true, 0), begun);
            return;
        }
        var options = Options(session) with { Steps = steps };
        var meter = new ProgressMeter(context.Progress, session.Time, Name, options.Steps);
        var checkpoint = context.Checkpoint(session.Time);
        var before = checkpoint.Seconds();
        var (images, targets) = Inversion.Run(session.Teacher, options, new LoopHooks(report => meter.Report(report.Step, report.Loss), Checkpoint: checkpoint), context.Cancellation);
        MetricSetFile.Write(context.Folder, images, targets, options.Steps);
        cache?.Store(context.Folder, options.Steps);
        Write(session, context, new MetricSetRecord(options.Steps, false, before), begun);
    }

    // With a time instead of a number, a cached set will do that has at least the steps the time would allow. No steps of a finetune are asked for as often
    // as a finetune is to be left out; images of no step would be noise.
    private static (long Steps, bool Exact) Steps(FewShotSession session, StepContext context)
    {
        var (effort, most) = (session.Request.Effort, Options(session).Steps);
        if ((effort.SynthesisSteps ?? (effort.Steps is > 0 ? effort.Steps : null)) is { } given) return (Math.Min(given, most), true);
        if (session.Budget is null) return (most, true);
        return (PlannedSteps.Once(context.Folder, () =>
        {
            var seconds = Inversion.Measure(session.Teacher, Options(session), session.Time);
            return Math.Clamp((long)(session.TimeFor(Name).TotalSeconds / seconds), 1, most);
        }), false);
    }

    private static SynthesisOptions Options(FewShotSession session) => SynthesisOptions.For(session.Teacher.Architecture) with
    {
        Images = session.Request.MetricSet.MaxImages,
        Seed = session.Request.Seed,
        Bf16 = session.Compute.TrainsInBf16,
    };

    private static void Write(FewShotSession session, StepContext context, MetricSetRecord record, long begun) =>
        StepFile.Write(context.Folder, RecordFile, record with { Seconds = record.Seconds + session.Time.GetElapsedTime(begun).TotalSeconds });
}
