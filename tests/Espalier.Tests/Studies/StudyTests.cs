using System.Text.Json.Nodes;
using Espalier.Reports;
using Espalier.Studies;

namespace Espalier.Tests.Studies;

public sealed class StudyTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("espalier-study-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Rows_are_all_combinations_a_whole_table_for_each_seed()
    {
        var rows = Read("""
            {
              // Comments are fine.
              "about": "a test",
              "variables": { "data": "../images", "model": null },
              "models": ["{model}"],
              "methods": { "a": "--method a", "b": { "arguments": "--method b", "targets": ["--keep-macs 0.5"], "images": [7] }, "dense": { "dense": true } },
              "targets": ["--keep-macs 0.5", "--keep-macs 0.7"],
              "images": [10, 20],
              "switches": { "": "", "x": "--x 1" },
              "seeds": [3, 4],
              "arguments": "--images {data} --minutes 1",
            }
            """, ("model", "my model")).Rows();
        rows.Length.ShouldBe(2 * (2 * 2 * 2 + 2 + 1), "a: targets, images and switches; b: its own target and images; dense: one row");
        rows.Take(11).ShouldAllBe(r => r.Seed == 3);
        rows.Select(r => r.Id).Distinct().Count().ShouldBe(rows.Length);
        string.Join('|', rows[1].CommandLine).ShouldBe($"compress|my model|--keep-macs|0.5|--method|a|--x|1|-n|10|--images|{Path.Combine(Path.GetDirectoryName(_root)!, "images")}|--minutes|1|--seed|3");
        rows[8].CommandLine.ShouldContain("7");
        (rows[10].Method, rows[10].CommandLine.IsEmpty, rows[10].Target).ShouldBe(("dense", true, null));
    }

    [Fact]
    public void A_form_replaces_keys()
    {
        const string Text = """{ "models": ["m"], "methods": { "a": "" }, "images": [50], "forms": { "full": { "images": [50, 100, 500], "seeds": [0, 1] } } }""";
        Read(Text).Rows().Length.ShouldBe(1);
        Write(Text);
        StudyFile.Read(File(), "full", new Dictionary<string, string>()).Rows().Length.ShouldBe(6);
        Should.Throw<UsageException>(() => StudyFile.Read(File(), "large", new Dictionary<string, string>())).Message.ShouldContain("the forms full");
    }

    [Theory]
    [InlineData("""{ "modles": [] }""", "modles")]
    [InlineData("""{ "methods": { "a": { "argument": "" } } }""", "argument")]
    [InlineData("""[1]""", "object")]
    [InlineData("""{ "models": ["m"] }""", "no rows")]
    [InlineData("""{ "models": ["{m}"], "methods": { "a": "" } }""", "no variable {m}")]
    [InlineData("""{ "learning_rates": { "seed": 1 } }""", "grid")]
    public void What_is_wrong_in_a_file_is_an_invalid_input_that_names_it(string text, string message)
    {
        var error = Should.Throw<InputException>(() => Read(text).Rows());
        error.Message.ShouldContain(message);
    }

    [Fact]
    public void Variables_must_exist_and_be_set()
    {
        const string Text = """{ "variables": { "images": null }, "models": ["m"], "methods": { "a": "" } }""";
        Should.Throw<UsageException>(() => Read(Text)).Message.ShouldContain("--set images");
        Should.Throw<UsageException>(() => Read(Text, ("images", "x"), ("model", "y"))).Message.ShouldContain("--set model");
        Should.Throw<InputException>(() => StudyFile.Read(Path.Combine(_root, "none.json"), null, new Dictionary<string, string>())).Message.ShouldContain("none.json");
    }

    [Fact]
    public void Learning_rates_are_chosen_with_their_own_seed_without_evaluation_images_and_once_for_rows_alike()
    {
        var study = Read("""
            {
              "models": ["m"], "methods": { "a": "--method a", "b": { "arguments": "--method b", "tuned": false } }, "targets": ["--keep-macs 0.5", "--keep-macs 0.7"], "seeds": [0, 1],
              "arguments": "--images i --eval e --minutes 4 --eval=f", "learning_rates": { "grid": [1e-4, 3e-4], "per": ["method"] }
            }
            """);
        var rows = study.Rows();
        foreach (var row in rows.Where(r => r.Method == "a"))
        {
            var candidates = study.Candidates(row, rows);
            candidates.Select(c => string.Join(' ', c.CommandLine)).ShouldBe([
                "compress m --keep-macs 0.5 --method a --images i --minutes 4 --seed 1000 --lr 0.0001", "compress m --keep-macs 0.5 --method a --images i --minutes 4 --seed 1000 --lr 0.0003"]);
        }
        study.Candidates(rows.First(r => r.Method == "b"), rows).ShouldBeEmpty();

        var store = new StudyStore(_root);
        var pair = study.Candidates(rows[0], rows);
        Report(store.CandidateOf(pair[0]), 0.4);
        store.Choose(pair).ShouldBeNull("the other is still to be run");
        store.NoteFailure(pair[1], "it became NaN");
        var passed = new StudyStore(_root).Choose(pair).ShouldNotBeNull("another sitting knows what failed");
        (passed.LearningRate, passed.Candidates[1].Error).ShouldBe((1e-4, "it became NaN"));
        store.NoteFailure(pair[1], null);
        store.Choose(pair).ShouldBeNull();
        Report(store.CandidateOf(pair[1]), 0.3);
        store.Choose(pair)!.LearningRate.ShouldBe(3e-4);
    }

    [Fact]
    public void A_table_has_every_column_any_row_has_and_quotes_what_must_be()
    {
        var csv = StudyTable.Csv([
            new JsonObject { ["method"] = "a", ["error"] = "it said \"no\", twice" }, new JsonObject { ["method"] = "b", ["top1"] = 0.1, ["images"] = 50 }]);
        csv.ShouldBe("method,top1,images,error\na,,,\"it said \"\"no\"\", twice\"\nb,0.1,50,\n");
    }

    [Fact]
    public void Means_are_over_seeds_alone()
    {
        var rows = Read("""{ "models": ["m"], "methods": { "a": "--method a" }, "images": [5, 6], "seeds": [0, 1, 2] }""").Rows();
        var store = new StudyStore(_root);
        foreach (var row in rows) Report(store.RunOf(row), 0.1 * row.Seed + row.Images!.Value);
        var groups = StudyTable.Groups(rows.Select(r => store.Read(r, null)));
        groups.Select(g => (g.First.Images, g.Seeds)).ShouldBe([(5, 3), (6, 3)]);
        groups[1].Mean("held_out_kl")!.Value.ShouldBe(6.1, 1e-12);
        groups[1].Deviation("held_out_kl")!.Value.ShouldBe(0.1, 1e-12);
        groups[1].Mean("top1").ShouldBeNull();
    }

    private static void Report(string folder, double kl)
    {
        Directory.CreateDirectory(folder);
        System.IO.File.WriteAllText(Path.Combine(folder, "report.json"),
            new RunReport { Command = "compress", CommandLine = "", Version = "0", Model = "m", Output = folder, HeldOutKl = kl }.ToJson());
    }

    private Study Read(string text, params (string Name, string Value)[] set)
    {
        Write(text);
        return StudyFile.Read(File(), null, set.ToDictionary(s => s.Name, s => s.Value));
    }

    private void Write(string text) => System.IO.File.WriteAllText(File(), text);

    private string File() => Path.Combine(_root, "a-study.json");
}
