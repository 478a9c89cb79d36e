using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Ofb;

/// <summary>The whole search on a tiny net: what every profile and switch must keep.</summary>
public class SearchTaskTests : TorchTest
{
    private static readonly ComputeOptions s_fp32 = new() { Precision = Precision.Fp32 };
    private static readonly VitArchitecture s_net = VitArchitecture.Uniform("t", 8, 4, 1, 16, 2, 2, 4);

    // Half of the run, so that the ramps of λ and γ end within the search, which has steps enough to cut more than once.
    private static readonly OfbOptions s_options = new() { SearchShare = 0.5, Recipe = new OfbOptions().Recipe with { BatchSize = 8 } };
    private static readonly ImageDataset s_images = TestNets.Images(48, 8, 1, 4, 3);
    private const int Steps = 40;

    [Fact]
    public void A_search_ends_within_its_budget_with_a_fused_network()
    {
        var before = Tensor.LiveCount;
        using (var run = new Search(s_options, seed: 1))
        {
            run.Loop.Run();
            run.Loop.Finish();
            run.Net.IsFused.ShouldBeTrue();
            run.Net.Extra.Count.ShouldBe(0);
            run.Decided.ShouldBeInRange(1, Steps / 2);
            ((double)VitCost.Of(run.Net.Model.Architecture).MacsFull).ShouldBeInRange(run.Plan.Low, run.Plan.Limit.Amount);
            foreach (var (name, shape) in VitTensors.Expected(run.Net.Model.Architecture)) run.Net.Model.Weights[name].Shape.ShouldBe([.. shape]);
            run.Net.Model.Weights.Values.ShouldAllBe(t => t.AllFinite());
            run.Losses.ShouldAllBe(l => double.IsFinite(l));
            run.Macs.Zip(run.Macs.Skip(1)).ShouldAllBe(m => m.Second <= m.First);
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void The_history_tells_how_the_widths_came_about()
    {
        using var run = new Search(s_options, seed: 1);
        run.Loop.Run();
        var (moments, full) = (run.Task.History, run.Plan.Space.Submodules.Select(s => (double)s.Table.Units).ToList());
        moments.Select(m => m.Step).ShouldBe(Enumerable.Range(1, Steps / 2).Select(step => (long)step));
        foreach (var moment in moments) moment.Sizes.Zip(full).ShouldAllBe(s => s.First > 0 && s.First <= s.Second + 1e-6);
        (moments[0].Lambda, moments[0].Gamma, moments[^1].Lambda, moments[^1].Gamma).ShouldBe((0.99, 0.05, 0.1, 0.25));
        moments.Zip(moments.Skip(1)).ShouldAllBe(m => m.Second.Decided >= m.First.Decided);
        // In the end nothing is expected any more: sizes and cost are those of the network.
        var net = run.Net.Model.Architecture;
        moments[^1].Decided.ShouldBe(full.Count);
        moments[^1].Sizes.ShouldBe([net.EmbedDim, .. net.Blocks.SelectMany(b => new double[] { b.Heads * b.QkDim, b.MlpHidden })]);
        moments[^1].Cost.ShouldBe(VitCost.Of(net).MacsFull / run.Plan.Limit.Amount, 1e-9);
    }

    /// <summary>Reading α waits for an accelerator: only who asks shall wait, and hears what is so then.</summary>
    [Fact]
    public void How_things_stand_is_worked_out_when_it_is_asked()
    {
        using var run = new Search(s_options, seed: 1);
        using (new Autocast(false, "cpu"))
            run.Task.Loss(new TensorBatch(TestNets.Pixels(s_net, 4, 1), Tensor.From<long>([0, 1, 2, 3])), 0);
        run.Task.Status.ShouldEndWith("of the target, 0/5 decided, λ 0.99, γ 0.05");
        var before = Share();
        // All for the smallest of each.
        using (new NoGrad())
            foreach (var (name, alpha) in run.Net.Extra.Where(t => t.Key.StartsWith("alpha.")))
                alpha.Reshape(-1).Narrow(0, 0, 1).AddInPlace(Tensor.Ones([1]), 50);
        var cost = run.Plan.Cost.Total(run.Plan.Space.Tables, [.. run.Plan.Space.Tables.Select(_ => 0)]);
        Share().ShouldBe(100 * cost / run.Plan.Limit.Amount, 0.5);
        Share().ShouldBeLessThan(before);

        double Share() => double.Parse(run.Task.Status.Split(' ', '%')[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData("one_hot", "yes")]
    [InlineData("one_hot", "late")]
    [InlineData("variance", "no")]
    [InlineData("pmim", "no")]
    [InlineData("lambda", "0.99")]
    [InlineData("lambda", "0.1")]
    [InlineData("sizes", "importance")]
    [InlineData("embed", "fixed")]
    [InlineData("writes", "input")]
    [InlineData("guard", "no")]
    [InlineData("importance_rate", "alpha")]
    [InlineData("search_share", "0")]
    [InlineData("search_share", "0.25")]
    [InlineData("search_share", "1")]
    public void Every_switch_ends_in_a_network(string topic, string setting)
    {
        using var run = new Search(s_options.With(topic, setting), seed: 2, steps: 12);
        run.Loop.Run();
        run.Loop.Finish();
        run.Net.IsFused.ShouldBeTrue();
        if (topic != "guard") ((double)VitCost.Of(run.Net.Model.Architecture).MacsFull).ShouldBeInRange(run.Plan.Low, run.Plan.Limit.Amount);
        if (topic == "embed") run.Net.Model.Architecture.EmbedDim.ShouldBe(16);
    }

    [Theory]
    [InlineData("0.2", 2)]
    [InlineData("0.25", 3)]
    [InlineData("0.5", 6)]
    [InlineData("0.75", 9)]
    public void A_search_is_over_after_its_share(string share, long steps)
    {
        using var run = new Search(s_options.With("search_share", share), seed: 2, steps: 12);
        run.Loop.Run();
        run.Decided.ShouldBe(steps);
    }

    [Fact]
    public void The_official_profile_runs_to_a_network_of_its_own_size()
    {
        using var run = new Search(OfbOptions.Official with { Recipe = s_options.Recipe }, seed: 2, steps: 12);
        run.Loop.Run();
        run.Loop.Finish();
        run.Net.IsFused.ShouldBeTrue();
    }

    [Fact]
    public void Unknown_switches_are_named() =>
        Should.Throw<UsageException>(() => s_options.With("lambda", "2")).Message.ShouldBe("lambda=2: lambda is one of ramp, NUMBER.");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_search_cancelled_anywhere_goes_on_to_the_same_bits(int accumulate)
    {
        var options = s_options with { Accumulate = accumulate };
        using var whole = new Search(options, seed: 4, steps: 24);
        whole.Loop.Run();
        var cutBefore = 0;
        foreach (var cancelAt in new[] { 1, 4, 7, 10, 12, 13, 17 })
        {
            using var folder = new TemporaryFolder();
            var checkpoint = new Checkpoint(Path.Combine(folder.Path, "state"), TimeSpan.MaxValue, new ManualTime());
            using (var first = new Search(options, 4, 24, checkpoint, cancelAt))
            {
                Should.Throw<OperationCanceledException>(() => first.Loop.Run(first.Stop.Token));
                if (first.Net.Tables[0].Units < 16 && !first.Net.IsDecided) cutBefore++;
            }
            using var second = new Search(options, 4, 24, checkpoint);
            second.Loop.Run();
            second.Net.Model.Weights.Differences(whole.Net.Model.Weights).ShouldBeEmpty($"cancelled after {cancelAt}");
            second.Losses.ShouldBe(whole.Losses.Skip(cancelAt));
            second.Task.History.Select(m => (m.Step, m.Cost)).ShouldBe(whole.Task.History.Select(m => (m.Step, m.Cost)), $"cancelled after {cancelAt}");
        }
        cutBefore.ShouldBeGreaterThan(0, "no checkpoint lay between a cut and the end of the search");
    }

    [Fact]
    public void Groups_follow_the_published_optimizer_settings()
    {
        using var run = new Search(s_options, seed: 1);
        var groups = run.Task.Groups.Where(g => g.Tensors.Count > 0).ToDictionary(g => g.Name);
        groups["weights"].Tensors.ShouldAllBe(t => t.Value.Shape.Length > 1 && t.Key != "cls_token" && t.Key != "pos_embed");
        groups["weights"].Adam.ShouldBeNull();
        groups["no decay"].Tensors.Select(t => t.Key).ShouldContain("cls_token");
        groups["importance"].Tensors.Select(t => t.Key).ShouldContain("score.blocks.1.mlp");
        foreach (var name in new[] { "no decay", "importance", "decoder bias" }) groups[name].Adam!.WeightDecay.ShouldBe(0);
        (groups["alpha.embed"].Adam!.Beta1, groups["alpha.embed"].Adam!.Beta2).ShouldBe((0.5, 0.999));
        groups.Keys.Count(k => k.StartsWith("alpha.")).ShouldBe(5);
        var names = run.Task.Groups.SelectMany(g => g.Tensors.Select(t => t.Key)).ToList();
        names.Distinct().Count().ShouldBe(names.Count);
        names.ShouldBe(run.Net.Model.Weights.Keys.Concat(run.Net.Extra.Keys), ignoreOrder: true);
    }

    [Fact]
    public void The_schedule_is_that_of_the_published_run()
    {
        var official = OfbOptions.Official with { Recipe = s_options.Recipe with { BatchSize = 1024 } };
        using var run = new Search(official, seed: 1, steps: 1000);
        var rate = run.Task.Training(s_fp32).LearningRate;
        rate.At(0, 1000).ShouldBe(1e-6, 1e-12);
        rate.At(200, 1000).ShouldBe(1e-3, 1e-12);
        rate.At(1000, 1000).ShouldBe(1e-5, 1e-12);
    }

    [Theory]
    [InlineData(0.2, 100)]
    [InlineData(0.5, 100)]
    [InlineData(0.2, 4300)]
    [InlineData(0.5, 4300)]
    public void Alpha_moves_far_enough_in_a_search_of_any_length(double share, int steps)
    {
        using var run = new Search(s_options with { SearchShare = share }, seed: 1, steps: steps);
        var (rate, scale) = (run.Task.Training(s_fp32).LearningRate, run.Task.Groups.First(g => g.Name == "alpha.embed").Scale);
        Enumerable.Range(0, (int)(share * steps)).Sum(k => scale * rate.At(k, steps)).ShouldBe(16, 1e-9);
        // The published rate, where the search is as long as the published one.
        if (share == 0.5 && steps == 4300) (scale * rate.Peak).ShouldBe(1e-2, 2e-3);
    }

    private sealed class Search : IDisposable
    {
        private readonly ImageBatches _batches;

        public Search(OfbOptions options, ulong seed, int steps = Steps, Checkpoint? checkpoint = null, int? cancelAt = null)
        {
            Plan = OfbPlan.Create(s_net, new Target(TargetForm.KeepMacs, 0.5, CountConvention.Full), options.FixedEmbed);
            Net = Supernet.Create(Plan.Space, TestNets.Model(s_net, 1), options.Pmim, seed);
            var preprocessing = Net.Model.Preprocessing;
            _batches = new ImageBatches(s_images, new PaddedCropTransform(preprocessing, 1), new LoaderOptions { BatchSize = options.Recipe.BatchSize, Seed = seed });
            Task = new SearchTask(Net, Plan, options, steps, _batches.BatchesPerEpoch, seed)
            {
                OnDecided = step => Decided = step, OnCut = net => Macs.Add(VitCost.Of(net).MacsFull),
            };
            Loop = new TrainingLoop(Task, _batches, Task.Training(s_fp32))
            {
                Checkpoint = checkpoint,
                OnStep = report =>
                {
                    Losses.Add(report.Loss);
                    if (report.Step == cancelAt) Stop.Cancel();
                },
            };
        }

        public OfbPlan Plan { get; }

        public Supernet Net { get; }

        public SearchTask Task { get; }

        public TrainingLoop Loop { get; }

        public long Decided { get; private set; }

        public List<long> Macs { get; } = [];

        public List<double> Losses { get; } = [];

        public CancellationTokenSource Stop { get; } = new();

        public void Dispose()
        {
            Loop.Dispose();
            _batches.Dispose();
            Net.Dispose();
            Stop.Dispose();
        }
    }
}
