using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>The tables of a report. Every table of MACs names its convention.</summary>
internal static class ReportTables
{
    internal static Html Headline(RunReport r)
    {
        List<string[]> rows = [];
        void Counts(string name, long? before, long? after)
        {
            if (before is not null || after is not null) rows.Add([name, Count(before), Count(after), Share(before, after)]);
        }
        Counts("Parameters", r.ParamsBefore, r.ParamsAfter);
        Counts("MACs (budget)", r.MacsBudgetBefore, r.MacsBudgetAfter);
        Counts("MACs (full)", r.MacsFullBefore, r.MacsFullAfter);
        if (r.Top1After is not null) rows.Add(["Top-1", Percent(r.Top1Before), Percent(r.Top1After), Difference(r.Top1Before, r.Top1After)]);
        if (r.Top5After is not null) rows.Add(["Top-5", Percent(r.Top5Before), Percent(r.Top5After), Difference(r.Top5Before, r.Top5After)]);
        if (rows.Count == 0) return Html.Empty;
        var table = Table(["", "before", "after", "left"], rows);
        return r.EvaluatedOn is { } data ? Html.Of($"{table}<p class=\"soft\">Accuracy on {Count(r.EvaluatedCount)} images of {data}.</p>") : table;
    }

    internal static Html Stages(RunReport r)
    {
        var accuracy = r.Stages.Any(s => s.Top1 is not null);
        var heldOut = r.Stages.Any(s => s.HeldOutMse is not null);
        string[] head = ["stage", "block", "metric loss", .. heldOut ? ["held-out MSE", "agreement"] : Array.Empty<string>(), .. accuracy ? ["top-1"] : Array.Empty<string>(), "MACs (budget)", "steps"];
        return Table(head, r.Stages.Select(s => (string[])
            [s.Stage, s.Block?.ToString() ?? "–", Metric(s.Metric), .. heldOut ? [s.HeldOutMse is { } mse ? Metric(mse) : "–", Percent(s.HeldOutAgreement)] : Array.Empty<string>(),
             .. accuracy ? [Percent(s.Top1)] : Array.Empty<string>(), Count(s.MacsBudget), Count(s.Steps)]));
    }

    internal static Html Search(RunReport r) => Html.Of($"""
        {Table(["round", "KL on images nothing was fitted to", "widths changed"], r.Search.Select(s => (string[])[$"{s.Round}", Metric(s.Kl), $"{s.Moves}"]))}
        <p class="soft">The round with the least KL was taken.</p>
        """);

    internal static Html Structure(RunReport r)
    {
        var table = Table(["block", "kind", "heads", "q/k per head", "v per head", "MLP hidden", "tokens merged"],
            r.Structure.Select(b => (string[])[$"{b.Index}", b.Kind, $"{b.Heads}", $"{b.QkDim}", $"{b.VDim}", $"{b.MlpHidden}", $"{b.TokensMerged ?? 0}"]));
        return r.EmbedDim is { } width ? Html.Of($"<p>Residual width {width}.</p>{table}") : table;
    }

    internal static Html Family(RunReport r) => Table(["keep", "parameters", "MACs (budget)", "MACs (full)", "agreement", "KL", "top-1"],
        r.Family.Select(m => (string[])[Percent(m.Keep), Count(m.Params), Count(m.MacsBudget), Count(m.MacsFull), Percent(m.HeldOutAgreement),
            m.HeldOutKl is { } kl ? Metric(kl) : "–", Percent(m.Top1)]));

    internal static Html Phases(RunReport r) => Table(
        ["phase", "time", "share", "trainings", "steps each"],
        r.Phases.Select(p => (string[])[p.Name, Time(p.Seconds), Percent(r.Seconds > 0 ? p.Seconds / r.Seconds : null), Count(p.Trainings), Count(p.Steps)]));

    internal static Html Comparison(IReadOnlyList<RunReport> reports) => Table(
        ["run", "parameters", "MACs (budget)", "MACs (full)", "top-1", "time"],
        reports.Select(r => (string[])[$"{r.Method} {r.Output}", Count(r.ParamsAfter), Count(r.MacsBudgetAfter), Count(r.MacsFullAfter), Percent(r.Top1After), Time(r.Seconds)]));

    internal static Html Circumstances(RunReport r)
    {
        var versions = string.Join(", ", r.Versions.Select(v => $"{v.Key} {v.Value}").Prepend($"Espalier {r.Version}"));
        var images = r.Images is { } count ? $", {count} images{(r.ImageListHash is { } hash ? $" (list {hash})" : "")}" : "";
        return Html.Of($"<p class=\"soft\">Seed {r.Seed}, {r.Threads} threads, {r.Device ?? "cpu"}, {r.Precision ?? "auto"}{images}. {versions}.</p>");
    }

    private static string Difference(double? before, double? after) =>
        before is { } b && after is { } a ? (100 * (a - b)).ToString("+0.0;−0.0;0.0", System.Globalization.CultureInfo.InvariantCulture) + " pts" : "";

    internal static Html Table(IEnumerable<string> head, IEnumerable<string[]> rows) => Html.Of($"""
        <div class="wide"><table><thead><tr>{Html.Join(head.Select(h => Html.Of($"<th>{h}</th>")))}</tr></thead>
        <tbody>{Html.Join(rows.Select(row => Html.Of($"<tr>{Html.Join(row.Select(cell => Html.Of($"<td>{cell}</td>")))}</tr>")))}</tbody></table></div>
        """);
}
