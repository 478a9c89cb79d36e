using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.FewShot;
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
        var request = FewShotSetup.Request(options.Model, options.Target, options.Method, options.Images, options.Count, s_effort, context);
        request = request.Measured(Method, context);
        var method = Method(request);
        using var folder = TemporaryRun.Create(context);
        var (structure, result) = method.Search(folder.Run, context.Progress, context.Cancellation);
        var limit = request.Target.Resolve(result.Before);
        return new PlanResult
        {
            TargetMacs = limit.Measure == CostMeasure.Parameters ? null : limit.Amount,
            TargetParams = limit.Measure == CostMeasure.Parameters ? limit.Amount : null,
            Count = limit.Measure == CostMeasure.MacsFull ? "full" : "budget",
            Method = MethodNames.Espalier,
            Chosen = 0,
            Options =
            [
                new PlanOptionResult
                {
                    MacsBudget = result.After.MacsBudget,
                    MacsFull = result.After.MacsFull,
                    Params = result.After.Parameters,
                    PredictedKl = result.Search.Min(s => s.Kl),
                    Structure = ReportBlock.Of(structure),
                },
            ],
        };

        EspalierMethod Method(FewShotRequest request) =>
            (EspalierMethod)MethodSetup.Of(options.Method, request.Model.Architecture).Create(request, context.Time);
    }
}
