using Espalier.Models;
using Espalier.Budget;
using Espalier.Cli.Output;
using Espalier.DcVit;
using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary><c>plan</c>: arithmetic on the architecture, so libtorch is never loaded.</summary>
internal static class PlanHandler
{
    public static PlanResult Run(PlanOptions options)
    {
        var net = ModelSource.Open(options.Model).FoldLayerScale().Vit;
        var switches = DcVitSetup.Options(options.Method);
        var candidates = Structure.CandidateChoice(net, switches);
        var k = switches.K ?? switches.Order?.Length;
        return switches.Variant == BlockVariant.Compress
            ? Dense(DcVitPlan.Create(net, options.Target, switches.Profile, k, candidates), options)
            : Whole(VariantPlan.Create(net, options.Target, switches.Variant, switches.Profile, k, candidates), options);
    }

    private static PlanResult Dense(DcVitPlan plan, PlanOptions options) => Result(options, plan.Limit) with
    {
        Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost) with { MlpRatio = o.MlpRatio, Hidden = o.Hidden })],
        Chosen = plan.Chosen,
        Warnings = [.. plan.Warnings],
    };

    private static PlanResult Whole(VariantPlan plan, PlanOptions options) => Result(options, plan.Limit) with
    {
        Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost))],
        Chosen = plan.Chosen,
    };

    private static PlanResult Result(PlanOptions options, Limit limit) => new()
    {
        TargetMacs = limit.Measure == CostMeasure.Parameters ? null : limit.Amount,
        TargetParams = limit.Measure == CostMeasure.Parameters ? limit.Amount : null,
        Count = options.Target.Count == CountConvention.Full ? "full" : "budget",
        Method = options.Method.Method ?? "dc-vit",
        Options = [],
        Chosen = 0,
    };

    private static PlanOptionResult Option(int blocks, Cost cost) =>
        new() { Blocks = blocks, MacsBudget = cost.MacsBudget, MacsFull = cost.MacsFull, Params = cost.Parameters };
}
