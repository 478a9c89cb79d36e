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
        if (r.Top1After is not null) rows.Add(["Top-1", Percent(r.Top1Before), Percent(r.Top1After), Points(r.Top1Before, r.Top1After)]);
        if (r.Top5After is not null) rows.Add(["Top-5", Percent(r.Top5Before), Percent(r.Top5After), Points(r.Top5Before, r.Top5After)]);
        if (rows.Count == 0) return Html.Empty;
        var isOne = r.MacsBudgetAfter is null;
        var accuracy = r.EvaluatedOn is { } data ? $" Accuracy on {Count(r.EvaluatedCount)} images of {data}." : "";
        return Html.Of($"""
            {(isOne ? Tables.Draw("The given model", ["", "given model"], rows.Select(row => row[..2])) : Tables.Draw("Before and after", ["", "before", "after", "left"], rows))}
            <p class="soft">MACs (budget): linear layers and convolutions, and 4 for each element of a norm; MACs (full): linear layers, convolutions and both attention products.{accuracy}</p>
            """);
    }

    internal static Html Stages(RunReport r)
    {
        var accuracy = r.Stages.Any(s => s.Top1 is not null);
        var heldOut = r.Stages.Any(s => s.HeldOutMse is not null);
        string[] head = ["stage", "block", "metric loss", .. heldOut ? ["held-out MSE", "agreement"] : Array.Empty<string>(), .. accuracy ? ["top-1"] : Array.Empty<string>(), "MACs (budget)", "steps"];
        return Tables.Draw("Stages", head, r.Stages.Select(s => (string[])
            [s.Stage, s.Block?.ToString() ?? "–", Metric(s.Metric), .. heldOut ? [s.HeldOutMse is { } mse ? Metric(mse) : "–", Percent(s.HeldOutAgreement)] : Array.Empty<string>(),
             .. accuracy ? [Percent(s.Top1)] : Array.Empty<string>(), Count(s.MacsBudget), Count(s.Steps)]));
    }

    internal static Html Family(RunReport r) => Tables.Draw("Models of the family", ["keep", "parameters", "MACs (budget)", "MACs (full)", "agreement", "KL", "top-1"],
        r.Family.Select(m => (string[])[Percent(m.Keep), Count(m.Params), Count(m.MacsBudget), Count(m.MacsFull), Percent(m.HeldOutAgreement),
            m.HeldOutKl is { } kl ? Metric(kl) : "–", Percent(m.Top1)]));

    internal static Html Phases(RunReport r) => Tables.Draw("Where the time went",
        ["phase", "time", "share", "trainings", "steps each"],
        r.Phases.Append(new ReportPhase("the rest", r.Seconds - r.Phases.Sum(p => p.Seconds), 0, 0)).Where(p => p.Seconds >= 0.05 || p.Steps > 0)
            .Select(p => (string[])[p.Name, Time(p.Seconds), Percent(r.Seconds > 0 ? p.Seconds / r.Seconds : null), p.Trainings > 0 ? Count(p.Trainings) : "–", p.Steps > 0 ? Count(p.Steps) : "–"]));

    /// <summary>One row for every run; a column that no run fills is left out.</summary>
    internal static Html Comparison(IReadOnlyList<RunReport> reports)
    {
        // The last part of the folder is short; the whole is needed where two runs share it.
        var areShort = reports.Select(r => LastName(r.Output)).Distinct().Count() == reports.Count;
        (string Name, Func<RunReport, string> Cell)[] columns =
        [
            ("run", r => areShort ? LastName(r.Output) : r.Output), ("method", r => r.Method ?? r.Command), ("MACs (budget)", r => Count(r.MacsBudgetAfter)),
            ("MACs (full)", r => Count(r.MacsFullAfter)), ("parameters", r => Count(r.ParamsAfter)), ("top-1", r => Percent(r.Top1After)),
            ("agreement", r => Percent(r.HeldOutAgreement)), ("KL", r => r.HeldOutKl is { } kl ? Metric(kl) : "–"), ("time", r => Time(r.Seconds)),
        ];
        var filled = columns.Where(c => reports.Any(r => c.Cell(r) != "–")).ToList();
        return Tables.Draw("The runs", [.. filled.Select(c => c.Name)], reports.Select(r => filled.Select(c => c.Cell(r)).ToArray()));
    }
}
