using static Espalier.Reports.ReportNumbers;

namespace Espalier.Reports;

/// <summary>How to get the same again: commands, seed, images, versions.</summary>
internal static class Reproduction
{
    internal static Html Draw(RunReport r)
    {
        List<(string Name, string Value)> facts = [("Model", r.Model), ("Seed", $"{r.Seed}"), ("Computed on", $"{r.Device ?? "cpu"}, {r.Threads} threads, {r.Precision ?? "auto"}")];
        if (r.Images is { } count) facts.Add(("Images", Count(count) + (r.ImageListHash is { } hash ? $", list {hash}" : "")));
        facts.Add(("Versions", string.Join(", ", r.Versions.Select(v => $"{v.Key} {v.Value}").Prepend($"Espalier {r.Version}"))));
        return Html.Of($"""
            <section><h2>The same again</h2>
            <p class="soft">As typed:</p><pre>{r.CommandLine}</pre>
            {(r.RepeatCommandLine is { } repeat ? Html.Of($"<p class=\"soft\">Step for step, to the same result:</p><pre>{repeat}</pre>") : Html.Empty)}
            <dl class="facts">{Html.Join(facts.Select(f => Html.Of($"<dt>{f.Name}</dt><dd>{f.Value}</dd>")))}</dl></section>
            """);
    }
}
