using Espalier.Cli.Output;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary>From a command's options to the library and back to a result: the only place where the two meet.</summary>
internal static class Handlers
{
    public static InspectResult Inspect(InspectOptions options, CommandContext context) => InspectHandler.Run(options);

    public static PlanResult Plan(PlanOptions options, CommandContext context) => options.Method.Method switch
    {
        MethodNames.Espalier => EspalierPlanHandler.Run(options, context),
        MethodNames.Ofb => OfbPlanHandler.Run(options, context),
        _ => PlanHandler.Run(options, context),
    };

    public static SynthesizeResult Synthesize(SynthesizeOptions options, CommandContext context) => SynthesizeHandler.Run(options, context);

    public static RankResult Rank(RankOptions options, CommandContext context) => CompressHandler.Rank(options, context);

    public static CompressResult Compress(CompressOptions options, CommandContext context) => CompressHandler.Compress(options, context);

    public static CompressResult Search(SearchOptions options, CommandContext context) => SearchHandler.Run(options, context);

    public static SweepCommandResult Sweep(SweepOptions options, CommandContext context) => SweepHandler.Run(options, context);

    public static StudyResult Study(StudyOptions options, CommandContext context) => StudyHandler.Run(options, context);

    public static EvaluateResult Evaluate(EvaluateOptions options, CommandContext context) => EvaluateHandler.Run(options, context);

    public static PredictResult Predict(PredictOptions options, CommandContext context) => PredictHandler.Run(options, context);

    public static TrainResult Train(TrainOptions options, CommandContext context) => TrainHandler.Run(options, context, fromScratch: true);

    public static TrainResult Finetune(TrainOptions options, CommandContext context) => TrainHandler.Run(options, context, fromScratch: false);

    public static BenchResult Bench(BenchOptions options, CommandContext context) => BenchHandler.Run(options, context);

    public static ExportResult Export(ExportOptions options, CommandContext context) => ExportHandler.Run(options, context);

    public static CompressResult Demo(CommandContext context) => DemoHandler.Run(context);

    public static ReportResult Report(ReportOptions options, CommandContext context)
    {
        var output = options.Output ?? (options.Runs.Count == 1 ? Path.Combine(options.Runs[0], "report.html") : "report.html");
        // A run's own page is rebuilt in place; any other file is somebody's.
        var own = options.Runs.Any(run => Path.GetFullPath(Path.Combine(run, "report.html")) == Path.GetFullPath(output));
        if (File.Exists(output) && !own && !context.Common.Force) throw new UsageException($"'{output}' exists already; choose another -o or replace it with --force.");
        return new(output, ReportFiles.Rebuild(options.Runs, output).Count);
    }
}
