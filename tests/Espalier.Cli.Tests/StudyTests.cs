using System.Text;
using System.Text.Json;
using Espalier.Cli.Commands;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>Whole studies of a tiny model.</summary>
public sealed class StudyTests : IDisposable
{
    private const string TwoByTwo = """
        {
          "variables": { "model": null, "images": null },
          "models": ["{model}"],
          "methods": { "dc-vit": "--method dc-vit --synthesis-steps 2", "magnitude": "--method magnitude" },
          "targets": ["--keep-macs 0.8", "--keep-macs 0.65"],
          "images": [8],
          "arguments": "--images {images} --eval {images} --steps 2"
        }
        """;

    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public StudyTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Fact]
    public void A_study_that_was_stopped_between_rows_goes_on_and_ends_as_an_unbroken_one()
    {
        Study(TwoByTwo, "whole").Code.ShouldBe(0);
        using var stop = new CancellationTokenSource();
        using var error = new Watcher(text =>
        {
            if (text.Contains("row 3 of 4")) stop.Cancel();
        });
        var code = EspalierApp.Run([.. Arguments("cut"), "--json"], new CliStreams(new StringWriter(), error), CommandTable.All(), stop.Token);
        code.ShouldBe(130, error.ToString());
        error.ToString().ShouldContain($"espalier resume {_folder["cut"]}");
        Rows("cut").Select(r => r.GetProperty("status").GetString()).ShouldBe(["done", "done", "pending", "pending"]);
        var first = Directory.GetDirectories(Path.Combine(_folder["cut"], "rows")).Select(r => Path.Combine(r, "run", "report.json")).Where(File.Exists).ToList();
        first.Count.ShouldBe(2);
        var times = first.ConvertAll(File.GetLastWriteTimeUtc);

        var resumed = CliRun.Of("resume", _folder["cut"], "--quiet", "--json");
        resumed.Code.ShouldBe(0, resumed.Error);
        first.ConvertAll(File.GetLastWriteTimeUtc).ShouldBe(times, "what was done is not done again");
        foreach (var row in Directory.GetDirectories(Path.Combine(_folder["whole"], "rows")))
            File.ReadAllBytes(Path.Combine(_folder["cut"], "rows", Path.GetFileName(row), "run", "model.safetensors"))
                .ShouldBe(File.ReadAllBytes(Path.Combine(row, "run", "model.safetensors")));

        // Every number of the table is the report's.
        foreach (var row in Rows("cut"))
        {
            row.GetProperty("status").GetString().ShouldBe("done");
            using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["cut"], row.GetProperty("run").GetString()!, "report.json")));
            row.GetProperty("macs_budget").GetDouble().ShouldBe(report.RootElement.GetProperty("macs_budget_after").GetInt64());
            row.GetProperty("top1").GetDouble().ShouldBe(report.RootElement.GetProperty("top1_after").GetDouble());
            row.GetProperty("held_out_kl").GetDouble().ShouldBe(report.RootElement.GetProperty("held_out_kl").GetDouble());
            double.Parse(row.GetProperty("target").GetString()!.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeGreaterThanOrEqualTo(row.GetProperty("macs_budget_share").GetDouble() / (1 + 1e-8));
        }
        var csv = File.ReadAllLines(Path.Combine(_folder["cut"], "study.csv"));
        csv.Length.ShouldBe(5);
        csv[0].ShouldStartWith("model,method,target,images,seed,status,run,macs_budget");
        var page = File.ReadAllText(Path.Combine(_folder["cut"], "report.html"));
        page.ShouldContain("4 of 4 rows done");
        page.ShouldContain("keep-macs 0.65");
        // A third time there is nothing to do, whichever way it is asked.
        var again = CliRun.Of([.. Arguments("cut"), "--json"]);
        (again.Code, again.Error).ShouldBe((0, ""));
        JsonDocument.Parse(again.Out).RootElement.GetProperty("rows").GetInt32().ShouldBe(4);
    }

    [Fact]
    public void A_row_that_fails_is_noted_the_others_go_on_and_the_exit_code_tells()
    {
        var run = Study(TwoByTwo.Replace("0.8", "0.01"), "out");
        run.Code.ShouldBe(1, run.Error);
        run.Error.ShouldContain("2 of 4 rows failed");
        var rows = Rows("out");
        rows.Select(r => r.GetProperty("status").GetString()).ShouldBe(["failed", "done", "failed", "done"]);
        rows[0].GetProperty("error").GetString()!.ShouldContain("reaches");
        File.ReadAllText(Path.Combine(_folder["out"], "study.csv")).ShouldContain("reaches");
    }

    [Fact]
    public void A_learning_rate_is_chosen_on_undrawn_images_and_a_rate_that_fails_is_passed_over()
    {
        var run = Study(TwoByTwo.Replace("\"images\": [8],", """
            "images": [8], "learning_rates": { "grid": [1e-4, 1e30, 1e-3], "per": ["method"] }, "seeds": [0, 1],
            """).Replace("\"dc-vit\": \"--method dc-vit --synthesis-steps 2\", ", ""), "out");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "study.json")));
        var choice = json.RootElement.GetProperty("choices").EnumerateArray().ShouldHaveSingleItem();
        var candidates = choice.GetProperty("candidates").EnumerateArray().ToList();
        candidates[1].GetProperty("error").GetString()!.ShouldContain("loss became");
        var best = candidates.Where(c => c.TryGetProperty("held_out_kl", out _)).MinBy(c => c.GetProperty("held_out_kl").GetDouble());
        choice.GetProperty("learning_rate").GetDouble().ShouldBe(best.GetProperty("learning_rate").GetDouble());
        foreach (var candidate in candidates.Where(c => c.TryGetProperty("held_out_kl", out _)))
        {
            using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], candidate.GetProperty("run").GetString()!, "report.json")));
            report.RootElement.TryGetProperty("top1_after", out _).ShouldBeFalse();
            report.RootElement.GetProperty("held_out_kl").GetDouble().ShouldBe(candidate.GetProperty("held_out_kl").GetDouble());
        }
        Rows("out").ShouldAllBe(r => r.GetProperty("learning_rate").GetDouble() == choice.GetProperty("learning_rate").GetDouble());
        json.RootElement.GetProperty("means").EnumerateArray().ShouldAllBe(m => m.GetProperty("seeds").GetInt32() == 2);
        // The next sitting has nothing to do: the rate that failed is not tried again either.
        var failed = Directory.GetFiles(Path.Combine(_folder["out"], "tune"), "*.failed.txt").ShouldHaveSingleItem();
        var (noted, report2) = (File.GetLastWriteTimeUtc(failed), File.ReadAllText(Path.Combine(_folder["out"], "study.json")));
        Study(null, "out").Code.ShouldBe(0);
        File.GetLastWriteTimeUtc(failed).ShouldBe(noted);
        File.ReadAllText(Path.Combine(_folder["out"], "study.json")).ShouldBe(report2);
    }

    [Fact]
    public void What_was_measured_on_other_data_is_measured_anew_and_the_run_is_not_done_again()
    {
        const string Text = """
            {
              "variables": { "model": null, "images": null, "other": "" },
              "models": ["{model}"], "methods": { "dense": { "dense": true }, "random": "--method random" }, "targets": ["--keep-macs 0.7"],
              "arguments": "--images {images} -n 8 --steps 0", "measure": { "evaluate": "{images}{other}" }
            }
            """;
        Study(Text, "out").Code.ShouldBe(0);
        var (dense, first) = (Rows("out")[0].GetProperty("top1").GetDouble(), Rows("out")[1]);
        dense.ShouldBe(first.GetProperty("top1_before").GetDouble(), 1e-9);
        var report = File.GetLastWriteTimeUtc(Path.Combine(_folder["out"], first.GetProperty("run").GetString()!, "report.json"));
        // The same pictures with every label another one.
        _folder.WriteImages("images-other", 12, [.. Enumerable.Range(0, 12).Select(i => (i + 1) % TinyModel.Classes)]);
        CliRun.Of([.. Arguments("out"), "--set", "other=-other", "--quiet"]).Code.ShouldBe(0);
        var second = Rows("out")[1];
        File.GetLastWriteTimeUtc(Path.Combine(_folder["out"], second.GetProperty("run").GetString()!, "report.json")).ShouldBe(report);
        second.GetProperty("kl").GetDouble().ShouldBe(first.GetProperty("kl").GetDouble(), 1e-6);
        File.ReadAllText(Directory.GetFiles(Path.Combine(_folder["out"], "rows"), "measured.json", SearchOption.AllDirectories)[0]).ShouldContain("images-other");
    }

    [Fact]
    public void A_study_that_was_moved_goes_on_where_it_lies_now()
    {
        Study(TwoByTwo.Replace("--keep-macs 0.65", "--keep-macs 0.01"), "out").Code.ShouldBe(1);
        Directory.Move(_folder["out"], _folder["moved"]);
        var resumed = CliRun.Of("resume", _folder["moved"], "--quiet", "--json");
        resumed.Code.ShouldBe(1, resumed.Error);
        Directory.Exists(_folder["out"]).ShouldBeFalse("the old place is left alone");
        Rows("moved").Select(r => r.GetProperty("status").GetString()).ShouldBe(["done", "failed", "done", "failed"]);
    }

    [Fact]
    public void A_result_is_finetuned_on_and_measured_against_the_model_it_came_from()
    {
        var run = Study("""
            {
              "variables": { "model": null, "images": null },
              "models": ["{model}"],
              "methods": { "dense": { "dense": true }, "random": "--method random" },
              "targets": ["--keep-macs 0.7"],
              "arguments": "--images {images} -n 8 --steps 1",
              "then": { "command": "finetune", "arguments": "--data {images} --eval {images} --steps 2" },
              "measure": { "evaluate": "{images}", "latency": [1, 2], "latency_runs": 2 }
            }
            """, "out");
        run.Code.ShouldBe(0, run.Error);
        var rows = Rows("out");
        rows.ShouldAllBe(r => r.GetProperty("then_top1").GetDouble() >= 0);
        rows[0].TryGetProperty("run", out _).ShouldBeFalse();
        rows[1].GetProperty("agreement").GetDouble().ShouldBeInRange(0, 1);
        rows[1].GetProperty("kl").GetDouble().ShouldBeGreaterThan(0);
        rows[1].GetProperty("top1").GetDouble().ShouldBe(rows[1].GetProperty("top1_before").GetDouble() - rows[1].GetProperty("points_lost").GetDouble() / 100, 1e-9);
        foreach (var batch in new[] { 1, 2 }) rows[1].GetProperty($"latency_b{batch}_speedup").GetDouble().ShouldBeGreaterThan(0);
        using var then = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], rows[1].GetProperty("then_run").GetString()!, "report.json")));
        then.RootElement.GetProperty("command").GetString().ShouldBe("finetune");
        then.RootElement.GetProperty("macs_budget_after").GetInt64().ShouldBe(rows[1].GetProperty("macs_budget").GetInt64());
    }

    [Fact]
    public void A_selection_study_correlates_each_criterion_with_the_true_errors()
    {
        var run = Study("""
            {
              "variables": { "model": null, "images": null },
              "command": "rank", "models": ["{model}"], "methods": { "dc-vit": "--method dc-vit" }, "targets": ["--keep-macs 0.8"],
              "arguments": "--images {images} --eval {images} -n 8 --steps 3 --blocks 0..5"
            }
            """, "out");
        run.Code.ShouldBe(0, run.Error);
        var row = Rows("out").ShouldHaveSingleItem();
        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], row.GetProperty("run").GetString()!, "report.json")));
        var ranking = report.RootElement.GetProperty("ranking").EnumerateArray().ToList();
        ranking.Select(r => r.GetProperty("index").GetInt32()).Order().ShouldBe([0, 1, 2, 3, 4, 5]);
        double[] error = [.. ranking.Select(r => 1 - r.GetProperty("top1").GetDouble())];
        foreach (var criterion in new[] { "metric", "training_kl", "training_mse", "held_out_kl" })
        {
            double[] values = [.. ranking.Select(r => r.GetProperty(criterion).GetDouble())];
            if (error.Distinct().Count() > 1) row.GetProperty($"spearman_{criterion}").GetDouble().ShouldBe(Espalier.Evaluation.Correlation.Spearman(values, error), 1e-12);
            if (error.Distinct().Count() > 1) row.GetProperty($"kendall_{criterion}").GetDouble().ShouldBe(Espalier.Evaluation.Correlation.Kendall(values, error), 1e-12);
        }
        File.ReadAllText(Path.Combine(_folder["out"], "report.html")).ShouldContain("Each block compressed alone: dc-vit");
    }

    [Theory]
    [InlineData(3, "must be one of", "magnitude", "magnitudes")]
    [InlineData(3, "no command a study can run", "\"images\": [8]", "\"command\": \"study\"")]
    [InlineData(3, "no variable {pictures}", "{images}", "{pictures}")]
    [InlineData(3, "leaves nothing a learning rate could be chosen by", "\"images\": [8]", "\"command\": \"rank\", \"learning_rates\": { \"grid\": [1e-3] }")]
    public void A_mistake_in_the_file_is_told_before_anything_runs(int code, string message, string old, string mistake)
    {
        var run = Study(TwoByTwo.Replace(old, mistake), "out");
        run.Code.ShouldBe(code, run.Error);
        run.ErrorLine.ShouldContain(message);
        Directory.Exists(_folder["out"]).ShouldBeFalse();
    }

    [Fact]
    public void Rows_can_be_listed_without_running_any()
    {
        _folder.Write("study.json", TwoByTwo);
        var run = CliRun.Of("study", _folder["study.json"], "--set", "model=my model", "--set", "images=i", "--list");
        run.Code.ShouldBe(0, run.Error);
        run.Out.ShouldContain("espalier compress 'my model' --keep-macs 0.8 --method magnitude -n 8 --images i --eval i --steps 2 --seed 0");
        run.Out.ShouldContain("4 rows");
        var forgotten = CliRun.Of("study", _folder["study.json"], "--set", "model=m", "--set", "images=i");
        (forgotten.Code, forgotten.ErrorLine.Contains("-o DIR")).ShouldBe((2, true));
    }

    /// <summary>The studies that come with the repository: every row of every form is a command line that parses.</summary>
    [Theory]
    [InlineData("few-shot")]
    [InlineData("ablations")]
    [InlineData("dense-range")]
    [InlineData("selection")]
    [InlineData("transfer")]
    [InlineData("latency")]
    [InlineData("ofb")]
    public void The_studies_of_the_repository_can_be_run(string name)
    {
        var file = Path.Combine(SharedData.Root, "studies", name + ".json");
        using var json = JsonDocument.Parse(File.ReadAllText(file), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
        json.RootElement.GetProperty("about").GetString().ShouldNotBeNullOrWhiteSpace();
        var full = json.RootElement.GetProperty("forms").GetProperty("full");
        foreach (var (form, keys) in new[] { (Array.Empty<string>(), json.RootElement), (["--form", "full"], full.TryGetProperty("variables", out _) ? full : json.RootElement) })
        {
            var set = keys.GetProperty("variables").EnumerateObject().Where(v => v.Value.ValueKind == JsonValueKind.Null).SelectMany(v => new[] { "--set", $"{v.Name}=x" });
            var run = CliRun.Of(["study", file, "--list", .. set, .. form]);
            run.Code.ShouldBe(0, run.Error);
            run.Out.ShouldContain("rows");
        }
    }

    private CliRun Study(string? text, string output)
    {
        if (text is not null) _folder.Write("study.json", text);
        return CliRun.Of([.. Arguments(output), "--quiet", "--json"]);
    }

    private string[] Arguments(string output)
    {
        if (!Directory.Exists(_folder["model"])) _folder.WriteModel(depth: 6);
        if (!Directory.Exists(_folder["images"])) _folder.WriteImages("images", 12, [.. Enumerable.Range(0, 12).Select(i => i % TinyModel.Classes)]);
        return ["study", _folder["study.json"], "--set", $"model={_folder["model"]}", "--set", $"images={_folder["images"]}", "--threads", "1", "--precision", "fp32", "-o", _folder[output]];
    }

    private List<JsonElement> Rows(string output)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder[output], "study.json")));
        return [.. json.RootElement.GetProperty("rows").EnumerateArray().Select(r => r.Clone())];
    }

    /// <summary>Hears every line as it is written.</summary>
    private sealed class Watcher(Action<string> heard) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            heard(value ?? "");
        }
    }
}
