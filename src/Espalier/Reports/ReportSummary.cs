using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>What a run came to, in a handful of large numbers.</summary>
internal static class ReportSummary
{
    internal static Html Draw(RunReport r)
    {
        List<(string Name, string Big, string Small)> numbers = [];
        void Cost(string name, long? before, long? after)
        {
            if (before > 0 && after is { } left) numbers.Add((name, Share(before, left), $"{Short(left)} of {Short(before.Value)}"));
            else if (after is { } all) numbers.Add((name, Short(all), ""));
        }
        Cost("MACs (budget)", r.MacsBudgetBefore, r.MacsBudgetAfter);
        Cost("Parameters", r.ParamsBefore, r.ParamsAfter);
        if (r.Top1After is { } top1) numbers.Add(("Top-1", Percent(top1), r.Top1Before is { } before ? $"{Points(before, top1)}, from {Percent(before)}" : ""));
        if (r.HeldOutAgreement is { } agreement) numbers.Add(("Agreement", Percent(agreement), "same likeliest class as before"));
        if (r.Family is { Length: > 0 } family)
        {
            numbers.Add(("Models", $"{family.Length}", $"{Percent(family.Max(m => m.Keep))} to {Percent(family.Min(m => m.Keep))} of the MACs"));
            var smallest = family.MinBy(m => m.MacsBudget)!;
            if (smallest.Top1 is { } least) numbers.Add(("Top-1 of the smallest", Percent(least), $"{Points(r.Top1Before, least)}, from {Percent(r.Top1Before)}"));
            else if (smallest.HeldOutAgreement is { } alike) numbers.Add(("Agreement of the smallest", Percent(alike), "same likeliest class as before"));
        }
        if (numbers.Count == 0) return Html.Empty;
        return Html.Of($"""
            <dl class="numbers">{Html.Join(numbers.Select(n => Html.Of($"<div><dt>{n.Name}</dt><dd class=\"big\">{n.Big}</dd><dd class=\"small\">{n.Small}</dd></div>")))}</dl>
            """);
    }
}
