using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>A model in a picture of quality against cost: what a run came to, or one of its family.</summary>
internal sealed record FrontierModel(string Series, string? Label, double MacsBudget, double? Top1, double? Agreement, double? Kl)
{
    internal bool IsOfFamily { get; private init; }

    internal IReadOnlyList<(string, string)> Facts { get; private init; } = [];

    internal static IEnumerable<FrontierModel> Of(RunReport r, bool label)
    {
        var series = r.Method ?? r.Command;
        foreach (var m in r.Family)
            yield return new FrontierModel($"{series} {r.Command}", null, m.MacsBudget, m.Top1, m.HeldOutAgreement, m.HeldOutKl)
            {
                IsOfFamily = true, Facts = Tell($"{r.Output}/{m.Output}", m.MacsBudget, r.MacsBudgetBefore, m.MacsFull, m.Params, m.Top1, m.HeldOutAgreement, m.HeldOutKl),
            };
        if (r.MacsBudgetAfter is { } macs)
            yield return new FrontierModel(series, label ? LastName(r.Output) : null, macs, r.Top1After, r.HeldOutAgreement, r.HeldOutKl)
            {
                Facts = Tell(r.Output, macs, r.MacsBudgetBefore, r.MacsFullAfter, r.ParamsAfter, r.Top1After, r.HeldOutAgreement, r.HeldOutKl),
            };
    }

    private static IReadOnlyList<(string, string)> Tell(string model, long macs, long? before, long? full, long? parameters, double? top1, double? agreement, double? kl) =>
    [
        ("model", model), ("MACs left", Share(before, macs)), ("MACs (budget)", Count(macs)), ("MACs (full)", Count(full)), ("parameters", Count(parameters)),
        ("top-1", Percent(top1)), ("agreement", Percent(agreement)), ("KL", kl is { } k ? Metric(k) : "–"),
    ];
}
