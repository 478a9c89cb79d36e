using Espalier.Cli.Output;
using Espalier.Reports;
using Espalier.Studies;

namespace Espalier.Cli.Tests;

/// <summary>The tables of every command, for people.</summary>
public sealed class TableSnapshotTests
{
    private static readonly ReportBlock[] s_blocks =
        [new(0, "full", 3, 64, 64, 768), new(1, "full", 3, 40, 56, 512, TokensMerged: 27), new(2, "ffn_only", 0, 0, 0, 287), new(3, "dropped", 0, 0, 0, 0)];

    [Fact]
    public void Of_inspect() => CliRun.Of("inspect", "fashion-vit").Out.ShouldMatchSnapshot("inspect");

    [Theory]
    [InlineData("dc-vit")]
    [InlineData("ofb")]
    public void Of_plan(string method) => CliRun.Of("plan", "fashion-vit", "--keep-macs", "0.7", "--method", method).Out.ShouldMatchSnapshot($"plan-{method}");

    [Fact]
    public void Of_compress() => Text(new CompressResult
    {
        MacsBudgetBefore = 1_078_633_728, MacsBudgetAfter = 816_286_464, MacsFullBefore = 1_253_683_200, MacsFullAfter = 932_330_496,
        ParamsBefore = 5_717_416, ParamsAfter = 4_382_244, Order = [4, 2], Seconds = 1201.5, Output = "runs/small", EmbedDim = 180,
        Top1Before = 0.825, Top1After = 0.7831, Top5Before = 0.96, Top5After = 0.94, Structure = [.. s_blocks],
        Stages = [new() { Stage = "cut", Block = 4, Metric = 5.1234567, Top1 = 0.01 }, new() { Stage = "finetuned", Metric = 0.00012 }],
    }).ShouldMatchSnapshot("compress");

    [Fact]
    public void Of_sweep() => Text(new SweepCommandResult
    {
        MacsBudgetBefore = 1000, MacsFullBefore = 1100, ParamsBefore = 900, Seconds = 61, Output = "runs/family", Top1Before = 0.9,
        Models =
        [
            new() { Output = "models/0.9500", Keep = 0.95, MacsBudget = 950, MacsFull = 1045, Params = 890, Metric = 0.1, HeldOutAgreement = 1, HeldOutKl = 1e-5, Top1 = 0.9 },
            new() { Output = "models/0.4000", Keep = 0.4, MacsBudget = 400, MacsFull = 440, Params = 390, Metric = 0.5 },
        ],
    }).ShouldMatchSnapshot("sweep");

    [Fact]
    public void Of_the_rest() => string.Join("\n---\n", new CommandResult[]
    {
        new RankResult([new(4, 0.0173), new(11, 1.25)]),
        new EvaluateResult(0.8275, 0.9612, 650, 48.31) { Against = new(0.9512, 0.0123, -0.002, 0.01) },
        new PredictResult([new("a [1].jpg", [new(3, "dress", 0.91), new(0, null, 0.05)])]),
        new TrainResult("runs/trained", 400, 2.5, 0.4321, 71) { Top1 = 0.9, HoldOutTop1 = 0.88 },
        new SynthesizeResult("set", 50, 200, 0.51, 20),
        new BenchResult(16, 2, "cpu", new(12.345, 12, 13.9), 81.2) { Speedup = new(1.47, 1.4, 1.5), AgainstLatencyMs = new(18.1, 17.9, 19) },
        new ExportResult("small.onnx", 17, 12_345_678, 3.2e-6, ["espalier", "onnxruntime"]),
        new ReportResult("report.html", 2),
        new StudyResult(["espalier compress m --keep-macs 0.5 --seed 0", ""]),
        new StudyResult([])
        {
            Output = "runs/few-shot", Rows = 6,
            Groups = [new(new StudyRow { Command = "compress", Model = "m", Method = "dc-vit", Switch = "once", Target = "--keep-macs 0.5", Images = 50, Seed = 0, Arguments = [] }, 3,
                [("macs_budget_share", 0.4999, 0), ("top1", 0.81, 0.01), ("held_out_kl", 0.1234567, 0.1)])],
        },
    }.Select(Text)).ShouldMatchSnapshot("other-results");

    private static string Text(CommandResult result)
    {
        using var writer = new StringWriter();
        result.Write(Consoles.For(writer, isTerminal: false, 120));
        return writer.ToString();
    }
}
