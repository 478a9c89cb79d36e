using Espalier.Budget;
using Espalier.Cli.Output;
using Espalier.DcVit;
using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary><c>plan</c>: arithmetic on the architecture, so libtorch is never loaded.</summary>
internal static class PlanHandler
{
    public static PlanResult Run(PlanOptions options)
    {
        var net = ModelSource.Open(options.Model).Architecture;
        return options.Method.Method == "drop-blocks" ? DropBlocks(net, options) : DcVit(net, options);
    }

    private static PlanResult DcVit(VitArchitecture net, PlanOptions options)
    {
        var plan = DcVitPlan.Create(net, options.Target, DcVitProfile.Parse(options.Method.Profile), options.Method.K ?? options.Method.Order?.Length);
        return Result(options, plan.Limit) with
        {
            Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost) with { MlpRatio = o.MlpRatio, Hidden = o.Hidden })],
            Chosen = plan.Chosen,
            Warnings = [.. plan.Warnings],
        };
    }

    private static PlanResult DropBlocks(VitArchitecture net, PlanOptions options)
    {
        var plan = VariantPlan.Create(net, options.Target, BlockVariant.Drop);
        return Result(options, plan.Limit) with { Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost))] };
    }

    private static PlanResult Result(PlanOptions options, Limit limit) => new()
    {
        TargetMacs = limit.Measure == CostMeasure.Parameters ? null : limit.Amount,
        TargetParams = limit.Measure == CostMeasure.Parameters ? limit.Amount : null,
        Count = options.Target.Count == CountConvention.Full ? "full" : "budget",
        Method = options.Method.Method,
        Options = [],
        Chosen = 0,
    };

    private static PlanOptionResult Option(int blocks, Cost cost) =>
        new() { Blocks = blocks, MacsBudget = cost.MacsBudget, MacsFull = cost.MacsFull, Params = cost.Parameters };
}
