using Espalier.Cli.Output;
using Espalier.FewShot;

namespace Espalier.Cli.Commands;

/// <summary><c>compress</c> and <c>rank</c>.</summary>
internal static class CompressHandler
{
    public static CompressResult Compress(CompressOptions options, CommandContext context)
    {
        var run = new CommandRun(context, options.Output, EspalierSetup.Reads(options.Method));
        var model = FewShotSetup.Model(options.Model, options.Method, context, options.ImageSize);
        model.Compress(options.Output, FewShotSetup.Options(options.Target, options.Method, options.Images, options.Count, options.Effort, options.Eval, run, context) with
        {
            Method = MethodSetup.Of(options.Method, model.Architecture, options.Batch),
        }, context.Progress, context.Cancellation);
        return CompressResult.Of(run.Report);
    }

    public static RankResult Rank(RankOptions options, CommandContext context)
    {
        if (options.Method.Order is not null) throw new UsageException("--order says which blocks are compressed, and rank finds out; --blocks names those it ranks.");
        var run = new CommandRun(context, options.Output);
        var model = FewShotSetup.Model(options.Model, options.Method, context);
        var result = model.Rank(FewShotSetup.Options(options.Target, options.Method, options.Images, options.Count, options.Effort, options.Eval, run, context) with
        {
            Method = MethodSetup.Of(options.Method with { Order = null, Choice = null }, model.Architecture, measureCandidates: options.Eval is not null),
        }, options.Output, context.Progress, context.Cancellation);
        return new RankResult([.. result.Ranking.Select(FewShotReport.Rank)]) { Output = run.Output };
    }
}
