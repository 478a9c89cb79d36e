using System.Text.Json;
using System.Text.Json.Nodes;

namespace Espalier.Cli.Tests;

/// <summary>Reports of real runs, opened in a browser as a person would. <c>ESPALIER_PICTURES=DIR</c> keeps a picture of each.</summary>
public sealed class ReportPageTests(ReportRuns runs) : IClassFixture<ReportRuns>
{
    private static readonly string? s_pictures = Environment.GetEnvironmentVariable("ESPALIER_PICTURES");

    [SkippableTheory]
    [InlineData("espalier", "What was cut where", "Stages")]
    [InlineData("dc-vit", "What was cut where", "Stages", "Recoverability of each block", "Loss", "Synthetic metric set")]
    [InlineData("search", "What was cut where", "Search", "Loss")]
    [InlineData("sweep", "Frontier")]
    [InlineData("compare", "Frontier")]
    [InlineData("study", "Top-1 against MACs", "Top-1 against the number of images", "Means over seeds", "Rows")]
    public async Task A_report_is_drawn_without_a_complaint_on_a_screen_and_on_a_phone(string name, params string[] sections)
    {
        using var browser = await Browser.Start();
        var page = runs.Page(name);
        Skip.IfNot(File.ReadAllText(page).Contains("id=\"vega\""), "built without Vega-Lite (eng/setup.sh charts)");
        (int, bool)[] screens = s_pictures is null ? [(1100, false), (390, true)] : [(1100, false), (1100, true), (390, false), (390, true)];
        foreach (var (width, dark) in screens)
        {
            await browser.Open(page, width, dark);
            if (s_pictures is not null) await browser.Picture(Path.Combine(Directory.CreateDirectory(s_pictures).FullName, $"{name}-{width}{(dark ? "-dark" : "")}.png"));
            browser.Complaints.ShouldBeEmpty();
            var charts = await browser.Evaluate<int>("document.querySelectorAll('figure.chart').length");
            charts.ShouldBeGreaterThan(0);
            (await browser.Evaluate<int>("document.documentElement.dataset.charts - 0")).ShouldBe(charts);
            (await browser.Evaluate<int>("[...document.querySelectorAll('figure.chart')].filter(f => f.querySelectorAll('svg .mark-rect path, svg .mark-symbol path, svg .mark-line path').length > 0).length"))
                .ShouldBe(charts, "every chart shows something");
            (await browser.Evaluate<int>("document.querySelectorAll('figure.chart [role=graphics-document][aria-label]').length"))
                .ShouldBe(charts, "every chart says what it shows");
            (await browser.Evaluate<int>("document.querySelectorAll('figure.chart details[open]').length")).ShouldBe(0);
            (await browser.Evaluate<double>("Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('svg, svg .role-legend, figure, pre, p, h1')].map(e => e.getBoundingClientRect().right))"))
                .ShouldBeLessThanOrEqualTo(width, $"nothing is wider than {width} pixels");
            (await browser.Evaluate<int>("parseInt(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])")).ShouldBeInRange(dark ? 0 : 200, dark ? 60 : 255);
        }
        var headings = await browser.Evaluate<string[]>("[...document.querySelectorAll('h2')].map(h => h.textContent)");
        foreach (var section in sections) headings.ShouldContain(section);
        (await browser.Evaluate<string>("document.body.innerText")).ShouldContain("MACs (full)");
    }

    [SkippableFact]
    public async Task Whatever_a_user_typed_is_shown_and_never_run()
    {
        const string Nasty = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>";
        using var browser = await Browser.Start();
        var report = JsonNode.Parse(File.ReadAllText(Path.Combine(runs.Folder("dc-vit"), "report.json")))!.AsObject();
        foreach (var key in new[] { "command_line", "model", "architecture", "method", "output", "evaluated_on", "target" }) report[key] = Nasty;
        foreach (var stage in report["stages"]!.AsArray()) stage!["stage"] = Nasty;
        foreach (var loss in report["losses"]!.AsArray()) loss!["stage"] = Nasty;
        var folder = Directory.CreateDirectory(Path.Combine(runs.Folder("dc-vit"), "nasty")).FullName;
        File.WriteAllText(Path.Combine(folder, "report.json"), report.ToJsonString());
        var page = Path.Combine(folder, "report.html");
        CliRun.Of("report", folder, runs.Folder("espalier"), "-o", page).Code.ShouldBe(0);

        await browser.Open(page, 390);
        // Tooltips are made of data, too.
        await browser.Evaluate<bool>("document.querySelectorAll('.mark-symbol path, .mark-line path').forEach(p => ['pointerover', 'pointermove', 'mouseover', 'mousemove'].forEach(e => p.dispatchEvent(new PointerEvent(e, { bubbles: true })))) || true");

        (await browser.Evaluate<bool>("window.hacked === undefined")).ShouldBeTrue();
        (await browser.Evaluate<string>("document.querySelector('article h1').textContent")).ShouldBe(Nasty);
        (await browser.Evaluate<string>("document.querySelector('article pre').textContent")).ShouldBe(Nasty);
        browser.Complaints.ShouldBeEmpty();
    }
}
