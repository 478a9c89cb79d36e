using Espalier.Cli.Output;
using Espalier.DcVit;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary><c>compress</c> and <c>rank</c>.</summary>
internal static class CompressHandler
{
    public static CompressResult Compress(CompressOptions options, CommandContext context)
    {
        var request = FewShotSetup.Request(options.Model, options.Target, options.Method, options.Images, options.Count, options.Effort, context,
            options.Eval, options.Batch);
        var method = new DcVitMethod(request, context.Time); // plans first: an impossible target leaves no folder behind
        Warn(method, context);
        using var folder = context.OpenRun(options.Output);
        var result = method.Compress(folder, context.Progress, context.Cancellation);
        var report = FewShotReport.Of(request, result, options.Model, options.Eval, options.Output, folder.State.Seconds, context, method.Structure.Warnings);
        ReportFiles.Write(report, folder.Path);
        folder.RemoveSteps();
        return CompressResult.Of(report);
    }

    public static RankResult Rank(RankOptions options, CommandContext context)
    {
        var request = FewShotSetup.Request(options.Model, options.Target, options.Method with { Order = null }, options.Images, options.Count,
            options.Effort, context);
        var method = new DcVitMethod(request, context.Time);
        Warn(method, context);
        var temporary = Directory.CreateTempSubdirectory("espalier-rank-").FullName;
        try
        {
            using var folder = RunFolder.Create(Path.Combine(temporary, "run"), context.Manifest(), force: false);
            var result = method.Rank(folder, context.Progress, context.Cancellation);
            return new RankResult([.. result.Ranking.Select(r => new RankedBlock(r.Block, r.Metric))]);
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    private static void Warn(DcVitMethod method, CommandContext context)
    {
        foreach (var warning in method.Structure.Warnings) context.Progress.Report(ProgressUpdate.Message("plan", warning));
    }
}
