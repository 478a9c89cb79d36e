using Espalier.Budget;
using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>plan --method ofb</c>: what can be reached, and by which candidates; arithmetic; libtorch is loaded only to measure a latency.</summary>
internal static class OfbPlanHandler
{
    public static PlanResult Run(PlanOptions options, CommandContext context)
    {
        var switches = OfbSetup.Options(options.Method.Profile, options.Method.Switches);
        var model = new EspalierModel(ModelSource.Open(options.Model).FoldLayerScale());
        var plan = model.PlanSearch(context.Latency().Measured(options.Target, model.Source, target => model.PlanSearch(target, switches).Example), switches);
        var cost = VitCost.Of(plan.Example);
        return PlanResult.For(plan.Limit, MethodNames.Ofb,
        [
            new PlanOptionResult
            {
                MacsBudget = cost.MacsBudget, MacsFull = cost.MacsFull, Params = cost.Parameters, EmbedDim = plan.Example.EmbedDim,
                Structure = ReportBlock.Of(plan.Example),
            },
        ], chosen: 0) with
        {
            Reach = new PlanReach(VitCost.Of(plan.Smallest).In(plan.Limit.Measure), plan.Before.In(plan.Limit.Measure), plan.Space.Log10Size),
            Submodules = [.. plan.Space.Submodules.Select(s => new PlanSubmodule(s.Name, s.Table.Count, s.Table.Heads, s.Table.Dims))],
            Warnings = [.. plan.Warnings],
        };
    }
}
