using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Cli.Output;
using Espalier.DcVit;
using Espalier.DcVit.Cnn;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>plan</c>: arithmetic on the architecture; libtorch is loaded only to measure a latency.</summary>
internal static class PlanHandler
{
    public static PlanResult Run(PlanOptions options, CommandContext context)
    {
        var source = ModelSource.Open(options.Model).FoldLayerScale();
        var switches = DcVitSetup.Options(options.Method, source.Architecture);
        options = options with { Target = options.Target.Measured(source, t => Structure.Plan(source, t, switches).Example(source.Architecture, switches), context) };
        if (source.Architecture is CnnArchitecture cnn) return Convolutional(CnnStructure.Plan(cnn, options.Target, switches), options);
        var net = source.Vit;
        var candidates = Structure.CandidateChoice(net, switches);
        var k = switches.K ?? switches.Order?.Length;
        return switches.Variant == BlockVariant.Compress
            ? Dense(DcVitPlan.Create(net, options.Target, switches.Profile, k, candidates), options)
            : Whole(VariantPlan.Create(net, options.Target, switches.Variant, switches.Profile, k, candidates), options);
    }

    /// <summary>The one structure in which every width is cut alike.</summary>
    public static PlanResult RunEven(PlanOptions options, CommandContext context)
    {
        var source = ModelSource.Open(options.Model).FoldLayerScale();
        var net = source.Vit;
        options = options with { Target = options.Target.Measured(source, Plan, context) };
        var structure = Plan(options.Target);
        return Result(options, options.Target.Resolve(VitCost.Of(net))) with
        {
            Options = [Option(null, VitCost.Of(structure)) with { Structure = ReportBlock.Of(structure) }],
        };

        VitArchitecture Plan(Target target) => EvenWidthsMethod.Plan(net, target, DcVitSetup.Options(options.Method, net).Keep);
    }

    private static PlanResult Dense(DcVitPlan plan, PlanOptions options) => Result(options, plan.Limit) with
    {
        Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost) with { MlpRatio = o.MlpRatio, Hidden = o.Hidden })],
        Chosen = plan.Chosen,
        Warnings = [.. plan.Warnings],
    };

    private static PlanResult Convolutional(CnnStructure plan, PlanOptions options) => Result(options, plan.Limit) with
    {
        Options = [.. plan.Options.Select(o => Option(o.Blocks, o.Cost) with { HiddenRatio = o.Ratio })],
        Chosen = plan.ChosenIndex,
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
        Count = limit.Measure == CostMeasure.MacsFull ? "full" : "budget",
        Method = options.Method.Method,
        Options = [],
        Chosen = 0,
    };

    private static PlanOptionResult Option(int? blocks, Cost cost) =>
        new() { Blocks = blocks, MacsBudget = cost.MacsBudget, MacsFull = cost.MacsFull, Params = cost.Parameters };
}
