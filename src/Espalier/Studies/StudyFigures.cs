using Espalier.Reports;

namespace Espalier.Studies;

/// <summary>The figures of a study.</summary>
internal static class StudyFigures
{
    internal static Html Draw(IReadOnlyList<StudyGroup> groups, IReadOnlyList<StudyEntry> entries) => Html.Join(
        entries.Where(e => e.Report is { Ranking.Length: > 0, Stages.IsEmpty: true })
            .Select(e => Html.Of($"<figure>{BarChart.Draw(e.Report!.Ranking, [])}<figcaption>{StudyHtml.Name(e.Row)}, seed {e.Row.Seed}</figcaption></figure>")));
}
