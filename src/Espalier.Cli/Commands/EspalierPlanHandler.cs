using Espalier.Cli.Options;
using Espalier.Cli.Output;
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
        var plan = model.PlanWidths(FewShotSetup.Options(options.Target, options.Method, options.Images, options.Count, s_effort, eval: null, run, context) with
        {
            Method = MethodSetup.Of(options.Method, model.Architecture),
        }, context.Progress, context.Cancellation);
        var cost = plan.Structure.Cost();
        return PlanResult.For(plan.Limit, MethodNames.Espalier,
        [
            new PlanOptionResult
            {
                MacsBudget = cost.MacsBudget, MacsFull = cost.MacsFull, Params = cost.Parameters, PredictedKl = plan.PredictedKl, Structure = ReportBlock.Of(plan.Structure),
            },
        ], chosen: 0);
    }
}
