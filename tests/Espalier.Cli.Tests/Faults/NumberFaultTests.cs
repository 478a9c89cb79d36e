using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>Losses that are no numbers, and machines that write numbers otherwise.</summary>
public sealed partial class NumberFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run_and_names_step_and_layer()
    {
        var run = CliRun.Of([.. Train("out"), "--lr", "1e30", "--warmup", "0"]);
        run.Code.ShouldBe(ExitCodes.Failure, run.Error);
        run.ErrorLine.ShouldMatch(@"(loss became (NaN|∞|Infinity)|became NaN or infinite).* step \d+ of 12 \(learning rate ");
        run.ErrorLine.ShouldContain("lower the learning rate");
        File.Exists(_folder["out/model.safetensors"]).ShouldBeFalse();
    }

    [Fact]
    public void A_decimal_comma_changes_nothing()
    {
        var before = CultureInfo.CurrentCulture;
        var comma = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        (comma.NumberFormat.NumberDecimalSeparator, comma.NumberFormat.NumberGroupSeparator, comma.NumberFormat.NegativeSign) = (",", ".", "−");
        (comma.NumberFormat.PercentDecimalSeparator, comma.NumberFormat.PercentSymbol) = (",", " %");
        try
        {
            _folder.WriteModel();
            Data();
            List<string> point = Outputs(), there = [];
            var library = Library("with-point");
            CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = comma;
            there = Outputs();
            there.ShouldBe(point);
            Library("with-comma").ShouldBe(library);
        }
        finally
        {
            (CultureInfo.CurrentCulture, CultureInfo.DefaultThreadCurrentCulture) = (before, null);
        }
    }

    // Everything a script reads or a person sees, but for times.
    private List<string> Outputs()
    {
        string[][] lines =
        [
            ["inspect", _folder["model"]], ["inspect", _folder["model"], "--json"], ["plan", _folder["model"], "--keep-macs", "0.75"],
            ["plan", "vit_tiny_patch16_224", "--keep-macs", "0.75", "--json"], ["plan", "vit_tiny_patch16_224", "--keep-macs", "0.99"],
            [.. Train("train"), "--lr", "0.00123", "--hold-out", "6", "--force"],
            ["evaluate", _folder["train"], "--data", _folder["data"], "--against", _folder["model"], "--json"], ["evaluate", _folder["train"], "--data", _folder["data"]],
            ["predict", _folder["train"], "--images", _folder["data"]],
            ["compress", _folder["model"], "--keep-macs", "0.7", "--images", _folder["data"], "--steps", "2", "--precision", "fp32", "--threads", "1", "-o", _folder["small"], "--force", "--json", "--quiet"],
        ];
        List<string> texts = [];
        foreach (var line in lines)
        {
            var run = CliRun.Of(line);
            texts.Add($"{run.Code} {run.Out} {run.Error}");
        }
        foreach (var file in new[] { "train/config.json", "small/config.json", "small/report.json", "train/report.json", "train/report.html" }) texts.Add(File.ReadAllText(_folder[file]));
        return [.. texts.Select(t => Times().Replace(t, "T"))];
    }

    // A program of its own that trains in two sittings: nothing sets its culture.
    private string Library(string name)
    {
        var options = new Espalier.TrainOptions
        {
            Data = ImageDataset.Open(_folder["data"]), Effort = new TrainingEffort(Steps: 12), HoldOut = 7, Existing = ExistingRun.GoOn, SaveEvery = TimeSpan.Zero,
            Recipe = TrainRecipe.Finetuning with { BatchSize = 8, LearningRate = 0.00123 }, Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
        };
        using var stop = new CancellationTokenSource();
        var model = EspalierModel.Open(_folder["model"]);
        Should.Throw<OperationCanceledException>(() => model.Train(_folder[name], options, new StopAtFive(stop), stop.Token));
        var result = model.Train(_folder[name], options);
        result.Steps.ShouldBe(12);
        result.Losses.Count.ShouldBe(12);
        return Times().Replace(File.ReadAllText(_folder[$"{name}/config.json"]) + File.ReadAllText(_folder[$"{name}/report.json"]), "T").Replace(name, "NAME");
    }

    private sealed class StopAtFive(CancellationTokenSource stop) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value)
        {
            if (value.Step == 5) stop.Cancel();
        }
    }

    private string[] Train(string output) =>
    [
        "train", _folder.WriteModel(), "--data", Data(), "--batch", "8", "--steps", "12", "--precision", "fp32", "--threads", "1", "--quiet", "-o", _folder[output],
    ];

    private string Data() => Directory.Exists(_folder["data"]) ? _folder["data"]
        : _folder.WriteImages("data", 24, [.. Enumerable.Range(0, 24).Select(i => i % TinyModel.Classes)]);

    [GeneratedRegex(@"\d\d:\d\d:\d\d|""\w*seconds"": [-\d.e]+|""images_per_second"": [\d.]+|[\d.,]+ images/s|[\d.,]+ s\b|[\d.,]+ (min|h)\b")]
    private static partial Regex Times();
}
