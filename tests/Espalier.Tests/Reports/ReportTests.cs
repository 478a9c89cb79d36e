using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Testing;

namespace Espalier.Tests.Reports;

public sealed class ReportTests : IDisposable
{
    private const string Nasty = "<script>alert('x')</script>&\"";

    private readonly TemporaryFolder _temporary = new();

    internal static RunReport Full => new()
    {
        Command = "compress", CommandLine = "espalier compress m --keep-macs 0.75 -o runs/x", RepeatCommandLine = "espalier compress m --steps 40",
        Version = "1.2.3", Model = "m", Architecture = "vit_tiny_patch16_224", Method = "dc-vit", Profile = "clean", Target = "--keep-macs 0.75",
        Seed = 7, Threads = 2, Images = 500, ImageListHash = "abc", EvaluatedOn = "val", EvaluatedCount = 650, Output = "runs/x", Seconds = 1201.5,
        MacsBudgetBefore = 1_078_633_728, MacsBudgetAfter = 816_286_464, MacsFullBefore = 1_253_683_200, MacsFullAfter = 932_330_496,
        ParamsBefore = 5_717_416, ParamsAfter = 4_382_244, Top1Before = 0.825, Top1After = 0.2, Top5Before = 0.9, Top5After = 0.4,
        Order = [4, 2], Hidden = 287,
        Stages =
        [
            new() { Stage = "cut", Block = 4, Metric = 5.1, Top1 = 0.01, HeldOutMse = 0.9 },
            new() { Stage = "finetuned", Block = 4, Metric = 1.1, Top1 = 0.2, HeldOutMse = 0.2, Steps = 40 },
        ],
        Ranking = [new(4, 0.5), new(2, 0.75), new(9, double.NaN), new(3, 1e-7)],
        Losses = [.. Enumerable.Range(0, 2000).Select(i => new ReportLoss(i, Math.Exp(-i / 300.0)))],
        Phases = [new("synthesis", 180, 200), new("ranking", 420, 40, 10)],
        Pictures = ["synthetic/0.png", "../outside.png", "gone.png"],
        Search = [new(1, 0.5, 0), new(2, 0.25, 3)],
        Tokens = 197, EmbedDimBefore = 192, EmbedDim = 180,
        StructureBefore = [new(0, "full", 3, 64, 64, 768), new(1, "full", 3, 64, 64, 768)],
        Structure = [new(0, "full", 2, 32, 48, 500, TokensMerged: 20), new(1, "ffn_only", 0, 0, 0, 287)],
        History = new() { Submodules = [new("embed", 192), new("blocks.0.mlp", 768)], Moments = [new(1, 1.5, 0, 0.99, 0.05, [190, 700]), new(2, 1, 2, 0.1, 0.25, [180, 500])] },
        Versions = System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("libtorch", "1.13.1"),
    };

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Whatever_a_user_typed_is_text_on_the_page()
    {
        var page = ReportHtml.Build([(Full with
        {
            Command = Nasty, CommandLine = Nasty, RepeatCommandLine = Nasty, Version = Nasty, Model = Nasty, Architecture = Nasty, Method = Nasty,
            Profile = Nasty, Target = Nasty, Device = Nasty, Precision = Nasty, ImageListHash = Nasty, EvaluatedOn = Nasty, Output = Nasty,
            Notes = [Nasty], Stages = [new() { Stage = Nasty, Metric = 1 }, new() { Stage = Nasty, Block = 1, Metric = 1 }, new() { Stage = Nasty, Block = 2, Metric = 2 }],
            Phases = [new(Nasty, 1)], Pictures = [Nasty], Losses = [new(1, 1, Nasty), new(2, 1, Nasty)], Structure = [new(0, Nasty, 1, 1, 1, 1)],
            Family = [new() { Output = Nasty, Keep = 1, MacsBudget = 1, MacsFull = 1, Params = 1, Metric = 1, Top1 = 1 }], History = null,
            Versions = Full.Versions.Add(Nasty, Nasty),
        }, _temporary.Path), (Full with { Method = Nasty, Output = Nasty }, _temporary.Path)]);

        // The only scripts are the page's own: one for each chart, what draws them, and Vega-Lite.
        Regex.Count(page, "<script", RegexOptions.IgnoreCase).ShouldBe(Regex.Count(page, "<figure class=\"chart\">") + (Assets.Vega is null ? 0 : 2));
        Regex.Count(page, "</script", RegexOptions.IgnoreCase).ShouldBe(Regex.Count(page, "<script"));
        page.ShouldNotContain(Nasty);
        page.ShouldContain("&lt;script&gt;");
        page.ShouldContain(@"\u003Cscript\u003E");
    }

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public void Pictures_of_the_run_folder_are_on_the_page_however_it_was_typed(string end)
    {
        Directory.CreateDirectory(_temporary["synthetic"]);
        File.WriteAllBytes(_temporary["synthetic/0.png"], [0x89, (byte)'P', (byte)'N', (byte)'G', 1, 2, 3]);
        ReportHtml.Build([(Full, _temporary.Path + end)]).ShouldContain("data:image/png;base64,iVBORwECAw==");
    }

    [Fact]
    public void The_page_is_well_formed_and_loads_nothing()
    {
        var page = ReportHtml.Build([(Full, _temporary.Path)]);

        // Void elements and the doctype apart, the page is XML.
        var xml = page.Replace("<!doctype html>", "").Replace("<meta charset=\"utf-8\">", "").Replace("initial-scale=1\">", "initial-scale=1\"/>");
        xml = Regex.Replace(xml, "(<script[^>]*>|<style>).*?(</script>|</style>)", "$1$2", RegexOptions.Singleline);
        XDocument.Parse(xml).Root!.Name.LocalName.ShouldBe("html");
        page = Regex.Replace(page, "<script[^>]*id=\"vega\">.*?</script>", "", RegexOptions.Singleline);
        page.ShouldNotContain("http://");
        page.ShouldNotContain("https://");
        page.ShouldNotContain("NaN,");
    }

    [Fact]
    public void Numbers_and_their_conventions_are_there()
    {
        var page = ReportHtml.Build([(Full, _temporary.Path)]);

        foreach (var text in new[] { "MACs (budget)", "MACs (full)", "816,286,464", "932,330,496", "4,382,244", "82.5 %", "20.0 %", "block 4", "650 images", "<dt>Seed</dt><dd>7</dd>", "libtorch 1.13.1" })
            page.ShouldContain(text);
    }

    [Fact]
    public void Pictures_are_inside_the_page_and_only_from_inside_the_run()
    {
        byte[] picture = [0x89, (byte)'P', (byte)'N', (byte)'G', 0], secret = "secret"u8.ToArray();
        _temporary.Write("run/synthetic/0.png", "");
        File.WriteAllBytes(_temporary["run/synthetic/0.png"], picture);
        _temporary.Write("outside.png", "secret");
        File.CreateSymbolicLink(_temporary["run/link.png"], _temporary["outside.png"]);

        var page = ReportHtml.Build([(Full with { Pictures = [.. Full.Pictures, "../outside.png", _temporary["outside.png"], "link.png", "\0", ""] }, _temporary["run"])]);

        page.ShouldContain("data:image/png;base64," + Convert.ToBase64String(picture));
        page.ShouldNotContain(Convert.ToBase64String(secret), customMessage: "neither from outside nor by a link to what is no picture");
    }

    [Fact]
    public void Whatever_text_a_report_holds_is_text_on_the_page()
    {
        const string Nasty = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"alert(3)\u0000\u2028";
        var json = JsonNode.Parse((Full with
        {
            History = new() { Submodules = [new("a", 3), new("b", 2)], Moments = [new(1, 1, 0, 0, 0, [3, 2]), new(2, 1, 1, 0, 0, [2, 1])] }, Notes = ["n"], Device = "d", Precision = "p", RepeatCommandLine = "r",
            ImageListHash = "h", Profile = "c",
        }).ToJson())!;
        var texts = Poison(json);
        texts.ShouldBeGreaterThan(25);
        _temporary.Write("nasty/report.json", json.ToJsonString());
        var report = RunReport.Load(_temporary["nasty"]);

        foreach (var page in new[] { ReportHtml.Build([(report, _temporary["nasty"])]), ReportHtml.Build([(report, _temporary["nasty"]), (Full, _temporary.Path)]) })
        {
            page.ShouldNotContain("<script>alert");
            page.ShouldNotContain("<img src=x");
            page.ShouldNotContain("\" onload=");
            page.ShouldContain("&lt;script&gt;alert(1)&lt;/script&gt;");
        }

        // Every text of the document, whatever it is for, but for named numbers.
        static int Poison(JsonNode node)
        {
            var count = 0;
            if (node is JsonObject o)
                foreach (var (key, value) in o.ToList())
                {
                    if (value is JsonValue text && text.TryGetValue<string>(out var old) && old is not ("NaN" or "Infinity")) (o[key], count) = (Nasty, count + 1);
                    else if (value is not null) count += Poison(value);
                }
            else if (node is JsonArray a)
                for (var i = 0; i < a.Count; i++)
                {
                    if (a[i] is JsonValue text && text.TryGetValue<string>(out _)) (a[i], count) = (Nasty, count + 1);
                    else if (a[i] is { } inner) count += Poison(inner);
                }
            return count;
        }
    }

    [Fact]
    public void A_bare_report_has_no_empty_sections()
    {
        var page = ReportHtml.Build([(new RunReport { Command = "train", CommandLine = "c", Version = "1", Model = "m", Output = "o" }, _temporary.Path)]);

        XDocument.Parse(Regex.Match(page, "<main>.*</main>", RegexOptions.Singleline).Value).Descendants("h2").Select(h => h.Value).ShouldBe(["The same again"]);
        page.ShouldNotContain("<table>");
        page.ShouldNotContain("id=\"vega\"", customMessage: "a page without charts needs nothing to draw them");
    }

    [Fact]
    public void Behind_every_chart_is_a_table_that_shows_without_scripts()
    {
        var page = ReportHtml.Build([(Full, _temporary.Path)]);

        var figures = XDocument.Parse(Regex.Match(Regex.Replace(page, "(<script[^>]*>).*?(</script>)", "$1$2", RegexOptions.Singleline), "<main>.*</main>", RegexOptions.Singleline).Value)
            .Descendants("figure").ToList();
        figures.Count.ShouldBeGreaterThan(4);
        foreach (var figure in figures)
            (figure.Element("details")?.Attribute("open") is not null || figure.ElementsAfterSelf().Concat(figure.Parent!.ElementsAfterSelf()).Any(e => e.Descendants("table").Any()))
                .ShouldBeTrue(figure.ToString());
    }

    [Fact]
    public void Every_chart_has_a_description_and_finite_data()
    {
        var page = ReportHtml.Build([(Full, _temporary.Path)]);

        foreach (Match match in Regex.Matches(page, "<script type=\"application/json\">(.*?)</script>"))
        {
            using var spec = JsonDocument.Parse(match.Groups[1].Value);
            spec.RootElement.GetProperty("description").GetString().ShouldNotBeNullOrEmpty();
            spec.RootElement.GetProperty("data").GetProperty("values").GetArrayLength().ShouldBeGreaterThan(0);
        }
    }

    [Fact]
    public void The_picture_of_the_network_shows_what_was_and_what_is_left()
    {
        var page = ReportHtml.Build([(Full with { Losses = [], Ranking = [], Stages = [], Search = [], History = null }, _temporary.Path)]);

        using var spec = JsonDocument.Parse(Regex.Match(page, "<script type=\"application/json\">(.*?)</script>").Groups[1].Value);
        var boxes = spec.RootElement.GetProperty("data").GetProperty("values").EnumerateArray()
            .Select(b => (Row: b.GetProperty("row").GetString()!, Part: b.GetProperty("part").GetString()!, Left: b.GetProperty("left").GetBoolean(),
                Width: b.GetProperty("to").GetDouble() - b.GetProperty("from").GetDouble())).ToList();
        double Share(string row, string part) => boxes.Where(b => b.Row == row && b.Part == part && b.Left).Sum(b => b.Width) / boxes.Where(b => b.Row == row && b.Part == part && !b.Left).Sum(b => b.Width);

        boxes.Count(b => b is { Row: "block 0", Part: "q, k", Left: false }).ShouldBe(3, "one box for every head there was");
        Share("block 0", "q, k").ShouldBe(2.0 / 3 * 32 / 64, 1e-4);
        Share("block 0", "v").ShouldBe(2.0 / 3 * 48 / 64, 1e-4);
        Share("block 0", "MLP").ShouldBe(500.0 / 768, 1e-4);
        Share("block 0", "tokens").ShouldBe(177.0 / 197, 1e-4);
        Share("block 1", "q, k").ShouldBe(0);
        Share("block 1", "MLP").ShouldBe(287.0 / 768, 1e-4);
        Share("width", "residual width").ShouldBe(180.0 / 192, 1e-4);
    }

    [Fact]
    public void A_report_of_an_earlier_version_is_still_read()
    {
        var old = JsonNode.Parse(Full.ToJson())!.AsObject();
        foreach (var key in new[] { "structure_before", "history", "tokens", "embed_dim_before" }) old.Remove(key).ShouldBeTrue(key);
        _temporary.Write("old/report.json", old.ToJsonString());

        ReportFiles.Rebuild([_temporary["old"]], _temporary["old.html"]);

        File.ReadAllText(_temporary["old.html"]).ShouldContain("ffn_only");
    }

    [Fact]
    public void The_json_has_the_keys_scripts_rely_on()
    {
        using var json = JsonDocument.Parse(Full.ToJson());

        foreach (var key in new[]
        {
            "macs_budget_before", "macs_budget_after", "macs_full_before", "macs_full_after", "params_before", "params_after", "order", "seconds", "output",
            "stages", "top1_before", "top1_after", "top5_before", "top5_after",
        })
            json.RootElement.TryGetProperty(key, out _).ShouldBeTrue(key);
        json.RootElement.GetProperty("stages")[0].GetProperty("stage").GetString().ShouldBe("cut");
        json.RootElement.GetProperty("stages")[0].GetProperty("top1").GetDouble().ShouldBe(0.01);
    }

    [Fact]
    public void Several_runs_make_one_page_with_a_comparison()
    {
        ReportFiles.Write(Full, Directory.CreateDirectory(_temporary["a"]).FullName);
        ReportFiles.Write(Full with { Method = "drop-blocks", Output = "runs/y" }, Directory.CreateDirectory(_temporary["b"]).FullName);

        var reports = ReportFiles.Rebuild([_temporary["a"], _temporary["b"]], _temporary["both.html"]);

        reports.Count.ShouldBe(2);
        File.ReadAllText(_temporary["both.html"]).ShouldContain("2 runs compared");
    }

    [Fact]
    public void A_report_survives_its_file()
    {
        ReportFiles.Write(Full, _temporary.Path);

        RunReport.Load(_temporary.Path).ToJson().ShouldBe(Full.ToJson());
    }

    [Fact]
    public void A_folder_without_a_report_is_an_invalid_input() => Should.Throw<InputException>(() => RunReport.Load(_temporary["nothing"]));
}
