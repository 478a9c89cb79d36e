using Espalier.Cli.Output;
using Espalier.FewShot;
using Espalier.Models.Formats;
using Espalier.Reports;

namespace Espalier.Cli.Commands;

/// <summary><c>plan</c>: arithmetic on the architecture; libtorch is loaded only to measure a latency.</summary>
internal static class PlanHandler
{
    public static PlanResult Run(PlanOptions options, CommandContext context)
    {
        var model = new EspalierModel(ModelSource.Open(options.Model).FoldLayerScale());
        // A plan is the same whatever a finetune minimises, and needs no labels.
        var method = MethodSetup.Of(options.Method with { Loss = null }, model.Architecture);
        var plan = model.Plan(context.Latency().Measured(options.Target, model.Source, target => model.Plan(target, method).Example), method);
        return PlanResult.For(plan.Limit, method.Name, [.. plan.Options.Select(Option)], plan.Chosen) with { Warnings = plan.Warnings };
    }

    private static PlanOptionResult Option(PlanOption option) => new()
    {
        Blocks = option.Blocks,
        MlpRatio = option.MlpRatio,
        Hidden = option.Hidden,
        HiddenRatio = option.HiddenRatio,
        MacsBudget = option.Cost.MacsBudget,
        MacsFull = option.Cost.MacsFull,
        Params = option.Cost.Parameters,
        Structure = option.Structure is { } net ? ReportBlock.Of(net) : null,
    };
}
