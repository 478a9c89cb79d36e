using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.OwnMethod;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>plan --method espalier</c>: searches the structure and repairs it, but takes no gradient step and keeps nothing.</summary>
internal static class EspalierPlanHandler
{
    // Only for a synthetic set, when there are no images.
    private static readonly EffortSettings s_effort = new(Steps: 200, null, null);

    public static PlanResult Run(PlanOptions options, CommandContext context)
    {
        var run = new CommandRun(context, output: null);
        var model = FewShotSetup.Model(options.Model, options.Method, context);
        var asked = FewShotSetup.Options(options.Target, options.Method, options.Images, options.Count, s_effort, eval: null, run, context) with
        {
            Method = MethodSetup.Of(options.Method, model.Architecture),
        };
        var method = (EspalierMethod)EspalierModel.Measured(asked, asked.Request(model.Source), context.Latency());
        var (structure, result) = RunOptions.RunInPassing(run, folder => method.Search(folder, context.Progress, context.Cancellation));
        return PlanResult.For(method.Request.Target.Resolve(result.Before), method.Request.Method,
        [
            new PlanOptionResult
            {
                MacsBudget = result.After.MacsBudget,
                MacsFull = result.After.MacsFull,
                Params = result.After.Parameters,
                PredictedKl = result.Search.Min(s => s.Kl),
                Structure = ReportBlock.Of(structure),
            },
        ], chosen: 0);
    }
}
