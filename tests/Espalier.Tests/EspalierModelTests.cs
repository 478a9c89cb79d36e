using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.OwnMethod;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;
using Microsoft.Extensions.Logging;

namespace Espalier.Tests;

/// <summary>The library from its call site, on a tiny trained network.</summary>
[Collection(TorchCollection.Name)]
public sealed class EspalierModelTests(StripesModel toy) : IClassFixture<StripesModel>, IDisposable
{
    private static readonly ComputeOptions s_compute = new() { Threads = 1, Precision = Precision.Fp32 };
    private readonly TemporaryFolder _folder = new();
    private readonly long _live = Tensor.LiveCount;
    private readonly float[] _numbers = ProgramsNumbers.Expected();

    public void Dispose()
    {
        _folder.Dispose();
        Tensor.LiveCount.ShouldBe(_live, "tensors were left alive");
        ProgramsNumbers.Next().ShouldBe(_numbers, "the program's own random numbers are others");
    }

    private EspalierModel Toy => EspalierModel.Open(toy.Folder);

    private CompressOptions Small => new()
    {
        Target = Target.KeepMacs(0.7), Images = toy.Train, Count = 40, Steps = 2, Compute = s_compute,
        Method = CompressionMethod.Espalier(new EspalierOptions { Rounds = 1 }),
    };

    [Fact]
    public void A_model_tells_what_it_is_and_what_could_become_of_it()
    {
        Toy.Blocks.Length.ShouldBe(6);
        Toy.Cost.ShouldBe(toy.Source.Architecture.Cost());
        foreach (var method in new[] { CompressionMethod.DcVit(), CompressionMethod.DropBlocks(), CompressionMethod.Practise(), CompressionMethod.EvenWidths(), CompressionMethod.Espalier() })
        {
            var plan = Toy.Plan(Target.KeepMacs(0.7), method);
            plan.Options.ShouldAllBe(o => plan.Limit.Met(o.Cost), method.Name);
            plan.Limit.Met(plan.Example.Cost()).ShouldBeTrue(method.Name);
            plan.ChosenOption.Structure?.Cost().ShouldBe(plan.ChosenOption.Cost, method.Name);
        }
        var free = Toy.PlanSearch(Target.KeepMacs(0.5)).Space.Log10Size;
        free.ShouldBeGreaterThan(5);
        Toy.PlanSearch(Target.KeepMacs(0.5), new() { FixedEmbed = true }).Space.Log10Size.ShouldBeLessThan(free);
        Should.Throw<BudgetException>(() => Toy.Plan(Target.KeepMacs(0.001)));
        Should.Throw<UsageException>(() => Target.KeepMacs(75));
    }

    [Fact]
    public void Widths_can_be_planned_as_a_run_would_choose_them()
    {
        var plan = Toy.PlanWidths(Small);
        plan.Limit.Met(plan.Structure.Cost()).ShouldBeTrue();
        plan.PredictedKl.ShouldBePositive();
        Toy.Compress(_folder["small"], Small);
        EspalierModel.Open(_folder["small"]).Architecture.IsSame(plan.Structure).ShouldBeTrue();
        // That is said before any structure is timed.
        var timed = Small with { Method = CompressionMethod.EvenWidths(), Target = new Target(TargetForm.Latency, 0.9), CacheFolder = _folder["cache"] };
        Should.Throw<UsageException>(() => Toy.PlanWidths(timed)).Message.ShouldContain("searches no widths");
        Directory.Exists(_folder["cache"]).ShouldBeFalse();
    }

    [Fact]
    public void A_plan_is_for_every_family()
    {
        var net = EspalierModel.Open("resnet34");
        var (whole, dense) = (net.Plan(Target.KeepMacs(0.75)), net.Plan(Target.KeepMacs(0.75), CompressionMethod.DcVit(new() { Variant = BlockVariant.Compress })));
        whole.Options.ShouldAllBe(o => o.HiddenRatio == null);
        whole.ChosenOption.Blocks.ShouldBe(4);
        dense.ChosenOption.HiddenRatio!.Value.ShouldBeInRange(0.25, 1);
        ((CnnArchitecture)dense.Example).Blocks.Count(b => b.Kind == CnnBlockKind.Dropped).ShouldBe(0);
        EspalierModel.Open("swin_tiny_patch4_window7_224").Plan(Target.KeepMacs(0.75)).ChosenOption.MlpRatio!.Value.ShouldBeGreaterThan(0);
        ((CnnArchitecture)net.Plan(Target.KeepMacs(0.75), CompressionMethod.Fskd()).Example).Blocks.ShouldAllBe(b => b.Hidden < 0.9 * b.Outputs);
        Should.Throw<UsageException>(() => Toy.Plan(Target.KeepMacs(0.75), CompressionMethod.CrossDistillation())).Message.ShouldContain("convolutional");
        Should.Throw<BudgetException>(() => net.Plan(Target.KeepMacs(0.01), CompressionMethod.Practise())).Message.ShouldContain("reach");
    }

    [Fact]
    public void Compressing_leaves_a_model_that_evaluates_exports_and_classifies()
    {
        var log = new ListLogger();
        var result = Toy.Compress(_folder["small"], Small, new LoggerProgress(log));

        var small = EspalierModel.Open(_folder["small"]);
        small.Cost.ShouldBe(result.After);
        small.Evaluate(toy.Test, s_compute).Top1.ShouldBeGreaterThan(0.8);
        small.Export(_folder["small.onnx"]).MaxDifference.ShouldBeLessThan(1e-4);
        log.Lines.ShouldContain(l => l.StartsWith("Information finetuning", StringComparison.Ordinal));
        Directory.Exists(_folder["small/steps"]).ShouldBeFalse();
        Report("small").ParamsAfter.ShouldBe(result.After.Parameters);

        using var classifier = new Classifier(small, s_compute);
        var item = (ImageMemoryItem)toy.Test.Items[0];
        var answers = Enumerable.Range(0, 4).AsParallel().WithDegreeOfParallelism(4).Select(_ => classifier.Classify(item.Load(1), count: 2)).ToList();
        answers.ShouldAllBe(a => a.Length == 2 && a[0].Probability >= a[1].Probability && a[0].Class == answers[0][0].Class);
    }

    [Fact]
    public void Another_method_is_a_word_and_a_folder_is_safe()
    {
        var options = Small with { Method = CompressionMethod.DcVit(new DcVitOptions { Order = [2, 3], Candidates = null }), Target = Target.KeepMacs(0.75) };
        Toy.Compress(_folder["dc"], options).Order.ShouldBe([2, 3]);
        ModelSource.Open(_folder["dc"]).Provenance!["method"]!.GetValue<string>().ShouldBe("dc-vit");

        Should.Throw<UsageException>(() => Toy.Compress(_folder["dc"], options)).Message.ShouldContain("already holds");
        Should.Throw<UsageException>(() => Toy.Compress(_folder["dc"], options with { Existing = ExistingRun.GoOn })).Message.ShouldContain("finished already");
        Toy.Compress(_folder["dc"], options with { Existing = ExistingRun.Replace }).Order.ShouldBe([2, 3]);
    }

    [Fact]
    public void What_was_cancelled_goes_on_to_the_same_bytes()
    {
        Toy.Compress(_folder["whole"], Small);
        using var stop = new CancellationTokenSource();
        Should.Throw<OperationCanceledException>(() => Toy.Compress(_folder["cut"], Small, new Stopper(stop, updates: 4), stop.Token));
        File.Exists(_folder["cut/model.safetensors"]).ShouldBeFalse();

        Toy.Compress(_folder["cut"], Small with { Existing = ExistingRun.GoOn });

        File.ReadAllBytes(_folder["cut/model.safetensors"]).ShouldBe(File.ReadAllBytes(_folder["whole/model.safetensors"]));
    }

    [Fact]
    public void A_family_and_a_search_are_as_short()
    {
        var family = Toy.Sweep(_folder["family"], new SweepOptions(Target.KeepMacs(0.8), Target.KeepMacs(0.6))
        {
            Images = toy.Train, Count = 20, Steps = 0, Compute = s_compute, Espalier = new EspalierOptions { Rounds = 1 },
        });
        family.Points.Select(p => EspalierModel.Open(_folder["family/" + p.Folder]).Cost).ShouldBe(family.Points.Select(p => p.Cost));
        Report("family").Family.Select(m => m.Params).ShouldBe(family.Points.Select(p => p.Cost.Parameters));

        var found = Toy.Search(_folder["found"], new SearchOptions
        {
            Target = Target.KeepMacs(0.6), Data = toy.Train, Effort = new TrainingEffort(Steps: 12), HoldOut = 20, Compute = s_compute,
        });
        EspalierModel.Open(_folder["found"]).Cost.ShouldBe(found.After);
        Report("found").MacsFullAfter.ShouldBe(found.After.MacsFull);
    }

    [Fact]
    public void Training_replaces_the_head_and_a_name_alone_is_not_compressed()
    {
        var two = new ImageDataset("two", [.. toy.Train.Items.Where(i => i.Label < 2)]);
        var trained = Toy.Train(_folder["two"], new TrainOptions { Data = two, Effort = new TrainingEffort(Steps: 3), Compute = s_compute });
        trained.Notes.ShouldContain(n => n.Contains("head"));
        EspalierModel.Open(_folder["two"]).Architecture.Classes.ShouldBe(2);
        Report("two").Command.ShouldBe("finetune");

        Should.Throw<UsageException>(() => EspalierModel.Open("vit_tiny_patch16_224").Compress(_folder["no"], Small)).Message.ShouldContain("random weights");
    }

    [Fact]
    public void Blocks_are_ranked_with_or_without_a_folder()
    {
        var options = Small with { Method = CompressionMethod.DcVit(), Target = Target.KeepMacs(0.75), Steps = 1 };
        var ranked = Toy.Rank(options, _folder["ranked"]);
        ranked.Ranking.Select(r => r.Metric).ShouldBeInOrder();
        Report("ranked").Ranking.Select(r => r.Index).ShouldBe(ranked.Ranking.Select(r => r.Block));
        var temporary = Directory.GetDirectories(Path.GetTempPath(), "espalier-*").Length;
        Toy.Rank(options).Ranking.Select(r => (r.Block, r.Metric)).ShouldBe(ranked.Ranking.Select(r => (r.Block, r.Metric)));
        Directory.GetDirectories(Path.GetTempPath(), "espalier-*").Length.ShouldBeLessThanOrEqualTo(temporary);
        Should.Throw<UsageException>(() => Toy.Rank(Small)).Message.ShouldContain("ranks none");
    }

    [Fact]
    public void A_share_of_the_latency_is_measured_and_what_was_left_is_reported()
    {
        var options = Small with { Method = CompressionMethod.DcVit(new DcVitOptions { Order = [2, 3] }), Target = new Target(TargetForm.Latency, 0.9), CacheFolder = _folder["cache"] };
        Compress(attempts: 10).After.MacsFull.ShouldBeLessThan(Toy.Cost.MacsFull);
        Report("fast").LatencyKept!.Value.ShouldBeInRange(0.05, 2);
        Directory.GetFiles(_folder["cache/latency"]).Length.ShouldBe(1);

        // Of so small a network, whatever else the machine does may pass for latency.
        FewShotResult Compress(int attempts)
        {
            try
            {
                return Toy.Compress(_folder["fast"], options);
            }
            catch (BudgetException) when (attempts > 1)
            {
                Directory.Delete(_folder["cache"], recursive: true);
                return Compress(attempts - 1);
            }
        }
    }

    [Fact]
    public void A_model_is_measured_compared_and_asked()
    {
        var alone = Toy.Evaluate(toy.Test, s_compute, batch: 7);
        alone.Top1.ShouldBe(Toy.Evaluate(toy.Test, s_compute with { Threads = 4 }).Top1, 0.02);
        var same = Toy.Compare(Toy, toy.Test, s_compute);
        (same.Agreement, same.Top1Difference, same.Model.Top1).ShouldBe((1, 0, alone.Top1));
        same.Kl.ShouldBe(0, 1e-6);
        var answers = Toy.Predict(toy.Test, s_compute);
        answers.Select(a => a.Image).ShouldBe(toy.Test.Items);
        answers.Count(a => a.Classes[0].Class == a.Image.Label).ShouldBe((int)Math.Round(alone.Top1 * toy.Test.Count));
        answers.ShouldAllBe(a => a.Classes.Sum(c => c.Probability) > 0.999); // all of four classes
        Toy.Bench(Toy, runs: 3, compute: s_compute).Speedup!.Median.ShouldBeInRange(0.1, 10);
    }

    private RunReport Report(string run)
    {
        File.Exists(_folder[$"{run}/report.html"]).ShouldBeTrue();
        return RunReport.Load(_folder[run]);
    }

    private sealed class Stopper(CancellationTokenSource stop, int updates) : IProgress<ProgressUpdate>
    {
        private int _seen;

        public void Report(ProgressUpdate value)
        {
            if (++_seen == updates) stop.Cancel();
        }
    }

    private sealed class ListLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{logLevel} {formatter(state, exception)}");
    }
}
