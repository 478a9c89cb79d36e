using Espalier.Cli.Output;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary><c>compress</c> and <c>rank</c>.</summary>
internal static class CompressHandler
{
    public static CompressResult Compress(CompressOptions options, CommandContext context)
    {
        var request = FewShotSetup.Request(options.Model, options.Target, options.Method, options.Images, options.Count, options.Effort, context,
            options.Eval, options.ImageSize);
        var reads = request.Reads.Concat(EspalierSetup.Reads(options.Method));
        context.CheckOutput(options.Output, reads);
        request = request.Measured(Method, context);
        // Plans before a folder is made: an impossible target leaves none behind.
        var method = Method(request);
        Warn(method, context);
        using var folder = context.OpenRun(options.Output, reads);
        request.Target.Remember(folder);
        var result = method.Compress(folder, context.Progress, context.Cancellation);
        var report = FewShotReport.Of(method, result, folder) with
        {
            Output = options.Output,
            LatencyKept = request.Target.Achieved(request.Model, folder.Result, context),
        };
        context.Write(report, folder);
        folder.Complete();
        return CompressResult.Of(report);

        IFewShotMethod Method(FewShotRequest request) =>
            MethodSetup.Of(options.Method, request.Model.Architecture, options.Batch).Create(request, context.Time);
    }

    public static RankResult Rank(RankOptions options, CommandContext context)
    {
        if (options.Method.Method is MethodNames.Espalier or MethodNames.Magnitude or MethodNames.Random)
            throw new UsageException($"--method {options.Method.Method} cuts every block a little and ranks none; dc-vit, drop-blocks and practise do.");
        var request = FewShotSetup.Request(options.Model, options.Target, options.Method, options.Images, options.Count, options.Effort, context, options.Eval);
        if (options.Output is { } kept) context.CheckOutput(kept, request.Reads);
        request = request.Measured(Method, context);
        var method = Method(request);
        Warn(method, context);
        if (options.Output is not { } output)
        {
            using var temporary = TemporaryRun.Create(context);
            return Ranking(method.Rank(temporary.Run, context.Progress, context.Cancellation));
        }
        using var folder = context.OpenRun(output, request.Reads);
        request.Target.Remember(folder);
        var result = method.Rank(folder, context.Progress, context.Cancellation);
        context.Write(FewShotReport.Of(method, result, folder) with { Output = output }, folder);
        folder.Complete();
        return Ranking(result) with { Output = output };

        DcVitMethod Method(FewShotRequest request) => (DcVitMethod)MethodSetup
            .Of(options.Method with { Order = null, Choice = null }, request.Model.Architecture, measureCandidates: options.Eval is not null)
            .Create(request, context.Time);
    }

    private static RankResult Ranking(FewShotResult result) => new([.. result.Ranking.Select(FewShotReport.Rank)]);

    private static void Warn(IFewShotMethod method, CommandContext context)
    {
        foreach (var warning in method.Plan.Warnings) context.Progress.Report(ProgressUpdate.Message("plan", warning));
    }
}
