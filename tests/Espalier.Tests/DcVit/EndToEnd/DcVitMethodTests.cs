using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.MetricSets;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Runs;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Tests.Runs;
using Espalier.Torch;

namespace Espalier.Tests.DcVit.EndToEnd;

/// <summary>The whole method on a tiny trained network.</summary>
[Collection(TorchCollection.Name)]
public sealed class DcVitMethodTests(StripesModel toy) : IClassFixture<StripesModel>, IDisposable
{
    private const double Keep = 0.85;

    private static readonly DcVitOptions s_options = new() { Finetune = new() { BatchSize = 16, LearningRate = 1e-3, MinCropArea = 0.8 } };

    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Fact]
    public void A_compressed_model_has_exactly_the_planned_size_and_gets_better_by_finetuning()
    {
        var result = Compress("a", Request(steps: 40));
        var written = ModelSource.Open(_runs.PathOf("a"));
        written.Architecture.Cost().ShouldBe(result.After);
        written.Vit.Blocks.Count(b => b.Kind == BlockKind.FfnOnly && b.MlpHidden == result.Hidden).ShouldBe(result.Order.Length);
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        var (raw, last) = (result.Stages[0], result.Stages[^1]);
        last.HeldOut!.FeatureMse.ShouldBeLessThan(0.6 * raw.HeldOut!.FeatureMse);
        last.Metric.ShouldBeLessThan(raw.Metric);
        result.Top1Before!.Value.ShouldBeGreaterThan(0.9);
        last.Top1!.Value.ShouldBeGreaterThanOrEqualTo(raw.Top1!.Value);
        result.Ranking.Select(r => r.Metric).ShouldBeInOrder();
        result.Order.ShouldBe(result.Ranking.Take(result.Order.Length).Select(r => r.Block));
    }

    [Fact]
    public void The_same_run_gives_the_same_bytes_and_leaks_nothing()
    {
        var before = Tensor.LiveCount;
        Compress("a", Request(steps: 5));
        Compress("b", Request(steps: 5));
        _runs.Bytes("a").ShouldBe(_runs.Bytes("b"));
        Tensor.LiveCount.ShouldBe(before);
        Compress("c", Request(steps: 5) with { Seed = 8 });
        _runs.Bytes("c").ShouldNotBe(_runs.Bytes("a"));
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(9, false)]
    [InlineData(23, false)]
    [InlineData(8, true)]
    [InlineData(15, true)]
    public void A_run_that_was_stopped_goes_on_to_the_same_bytes(int updates, bool ordered)
    {
        // Six updates for the synthesis, then six for each candidate, or for each of the two blocks of a given order.
        var request = Request(steps: 6);
        var options = ordered ? s_options with { Order = [3, 1] } : s_options;
        Compress("whole", request, options);
        _runs.CompressInTwo("cut", () => Method(request, options), updates);
        _runs.Bytes("cut").ShouldBe(_runs.Bytes("whole"));
    }

    [Theory]
    [InlineData("ranking block 2", 3)]
    [InlineData("finetuning after block", 2)]
    public void The_seconds_of_a_finetune_are_those_of_all_its_sittings(string stage, int at)
    {
        // A second for every step, whichever finetune it belongs to, and nothing else.
        var time = new ManualTime();
        bool Advance(ProgressUpdate update)
        {
            if (update.Loss is not null && (update.Stage.StartsWith("ranking") || update.Stage.StartsWith("finetuning"))) time.Advance(TimeSpan.FromSeconds(1));
            return update.Stage.StartsWith(stage) && update.Step == at;
        }
        var method = new DcVitMethod(Request(steps: 5), s_options with { Order = stage.StartsWith("ranking") ? null : [3, 1] }, time);
        _runs.CompressUntil("cut", method, Advance);
        time.Advance(TimeSpan.FromHours(1));
        var result = _runs.GoOn("cut", method, update => Advance(update));
        result.RankSeconds.ShouldBe(5 * result.Ranking.Length);
        result.FinetuneSeconds.ShouldBe(5 * result.Order.Length);
    }

    [Fact]
    public void A_run_whose_files_lack_something_is_refused_and_the_file_named()
    {
        _runs.CompressUntil("cut", Method(Request(steps: 2), s_options), update => update.Stage == "ranking block 2");
        var ranked = Path.Combine(_runs.PathOf("cut"), "steps", "rank-1", "ranked.json");
        File.WriteAllText(ranked, """{ "block": 1, "metric": 0.5 }""");
        Should.Throw<InputException>(() => _runs.GoOn("cut", Method(Request(steps: 2), s_options))).Message.ShouldContain(ranked);
    }

    public static TheoryData<string, DcVitOptions> Switches => new()
    {
        { "official profile", DcVitOptions.For(DcVitProfile.Official) },
        { "rank again", new DcVitOptions { Profile = DcVitProfile.Clean with { Rerank = true } } },
        { "local ranking", new DcVitOptions().With("ranking", "local") },
        { "local ranking, anew", new DcVitOptions().With("ranking", "local").With("rerank", "yes") },
        { "no carry-over", new DcVitOptions { Profile = DcVitProfile.Clean with { CarryOver = false } } },
        { "clip and lr warm-up", new DcVitOptions().With("clip", "1.0").With("warmup", "lr") },
        { "frozen norm", new DcVitOptions().With("final_norm", "frozen") },
        { "once", new DcVitOptions { Once = true } },
        { "given order", new DcVitOptions { Order = [3, 1] } },
        { "remove attention", new DcVitOptions { Variant = BlockVariant.RemoveAttention } },
        { "remove MLP", new DcVitOptions { Variant = BlockVariant.RemoveMlp } },
        { "identity", new DcVitOptions { Variant = BlockVariant.Identity } },
        { "drop", new DcVitOptions { Variant = BlockVariant.Drop } },
        { "GELU units", new DcVitOptions { MlpInit = MlpInit.GeluSample } },
        { "fresh MLP", new DcVitOptions { MlpInit = MlpInit.RandomInit } },
        { "update all", new DcVitOptions { Finetune = new() { Update = UpdateRange.All } } },
        { "update inter", new DcVitOptions { Finetune = new() { Update = UpdateRange.Inter } } },
        { "update norms", new DcVitOptions { Finetune = new() { Update = UpdateRange.LayerNorms } } },
        { "update biases", new DcVitOptions { Finetune = new() { Update = UpdateRange.MlpBiases } } },
        { "update attention", new DcVitOptions { Finetune = new() { Update = UpdateRange.Attention } } },
        { "class token", new DcVitOptions { Finetune = new() { Feature = FeaturePoint.AfterGap } } },
        { "middle block", new DcVitOptions { Finetune = new() { Feature = FeaturePoint.MiddleBlock } } },
        { "some candidates", new DcVitOptions { Candidates = [2, 3, 4] } },
        { "kept block", new DcVitOptions { Keep = [2] } },
        { "RandAugment", new DcVitOptions { Finetune = new() { RandAugment = true } } },
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public void Every_switch_ends_in_a_model_that_meets_the_target(string name, DcVitOptions options)
    {
        name.ShouldNotBeEmpty();
        var result = Compress("a", Request(steps: 2) with { Eval = null }, options);
        using var model = ModelSource.Open(_runs.PathOf("a")).LoadVit();
        VitCost.Of(model.Architecture).ShouldBe(result.After);
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        if (options.Keep.Length > 0) model.Architecture.Blocks[2].Kind.ShouldBe(BlockKind.Full);
    }

    public static TheoryData<MetricSetOptions> MetricSets => new()
    {
        new MetricSetOptions { Kind = MetricKind.Mse },
        new MetricSetOptions { Source = MetricSetOptions.TrainingImages },
        new MetricSetOptions { LossyStorage = true },
    };

    [Theory]
    [MemberData(nameof(MetricSets))]
    public void Blocks_can_be_ranked_on_any_metric_set(MetricSetOptions options)
    {
        var request = Request(steps: 2) with { Eval = null };
        var result = Compress("a", request with { MetricSet = options with { MaxImages = 8 } });
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        result.Stages[0].Metric.ShouldNotBe(Compress("b", request).Stages[0].Metric);
    }

    [Fact]
    public void The_official_profile_keeps_its_metric_set_lossily_without_being_asked()
    {
        var options = s_options.With("metric_storage", "official");
        var request = Request(steps: 1) with { Eval = null };
        var asked = request with { MetricSet = request.MetricSet with { LossyStorage = true } };
        Compress("a", request, options).Ranking.ShouldBe(Compress("b", asked).Ranking);
    }

    [Fact]
    public void Without_images_the_synthetic_ones_are_trained_on()
    {
        var result = Compress("a", Request(steps: 3) with { Images = null });
        result.Samples.Train.Count.ShouldBe(8);
        File.ReadAllLines(Path.Combine(_runs.PathOf("a"), "samples.txt"))[0].ShouldBe("synthetic-000");
        Directory.EnumerateFiles(Path.Combine(_runs.PathOf("a"), FewShotResult.PicturesFolder)).Count().ShouldBe(8);
    }

    [Fact]
    public void A_time_bounds_the_whole_run_and_its_steps_are_told()
    {
        var time = TimeProvider.System;
        var begun = time.GetTimestamp();
        var result = Compress("a", Request(steps: null) with { Effort = new FewShotEffort { Time = TimeSpan.FromSeconds(8) } });
        time.GetElapsedTime(begun).TotalSeconds.ShouldBeLessThan(8.8);
        result.FinetuneSteps.ShouldBeGreaterThan(1);
        result.RankSteps.ShouldBeGreaterThan(1);
        result.SynthesisSteps.ShouldBeGreaterThan(9);
    }

    [Fact]
    public void A_time_is_split_15_35_50() =>
        DcVitMethod.Phases.ShouldBe([new TimePhase("synthesis", 0.15), new TimePhase("ranking", 0.35), new TimePhase("finetuning", 0.50)]);

    [Fact]
    public void A_local_ranking_takes_less_of_the_time_and_its_best_candidate_is_finetuned_like_every_cut()
    {
        DcVitMethod.LocalPhases.Single(p => p.Name == "ranking").Weight.ShouldBeLessThan(DcVitMethod.Phases.Single(p => p.Name == "ranking").Weight);
        DcVitMethod.LocalPhases.Sum(p => p.Weight).ShouldBe(1, 1e-12);
        // With as many steps as it was ranked with, a finetuned candidate is trained already.
        Trained("local").ShouldBe(Trained("whole") + 1);

        int Trained(string ranking)
        {
            var request = Request(steps: 3) with { Eval = null };
            HashSet<string> stages = [];
            _runs.Compress(ranking, Method(request, s_options.With("ranking", ranking)), update => stages.Add(update.Stage));
            return stages.Count(stage => stage.StartsWith("finetuning", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void A_ranking_that_no_finetuning_follows_has_nearly_all_of_the_time()
    {
        // Every look at this clock takes a second: equal work takes equal time.
        var request = Request(steps: null) with
        {
            Eval = null, MetricSet = new MetricSetOptions { Source = MetricSetOptions.TrainingImages }, Effort = new FewShotEffort { Time = TimeSpan.FromHours(1) },
        };
        long Planned(string name, Func<DcVitMethod, Func<RunFolder, IProgress<ProgressUpdate>, CancellationToken, FewShotResult>> work)
        {
            using var folder = RunFolder.Create(_runs.PathOf(name), RunFolderTests.Manifest, force: false);
            using var stop = new CancellationTokenSource();
            var planned = 0L;
            Should.Throw<OperationCanceledException>(() => work(new DcVitMethod(request, s_options, new TickingTime(TimeSpan.FromSeconds(1))))(folder, new Told(update =>
            {
                if (!update.Stage.StartsWith("ranking", StringComparison.Ordinal)) return;
                planned = update.Total;
                stop.Cancel();
            }), stop.Token));
            return planned;
        }

        // 75 of 85 parts instead of 35.
        ((double)Planned("ranked", m => m.Rank) / Planned("compressed", m => m.Compress)).ShouldBe(75.0 / 35, 0.1);
    }

    [Fact]
    public void What_evaluating_takes_is_set_aside_before_the_time_is_shared_out()
    {
        var request = Request(steps: null) with { Effort = new FewShotEffort { Time = TimeSpan.FromHours(1) } };
        using var folder = RunFolder.Create(_runs.PathOf("a"), RunFolderTests.Manifest, force: false);
        StepFile.Write(folder.StepFolder(PrepareStage.Name), "prepared.json", new PreparedRecord(Top1: 0.9, Top5: 1, EvaluationSeconds: 240));
        var structure = Structure.Plan(toy.Source.Architecture, request.Target, s_options);
        using var session = new DcVitSession(request, s_options, structure, folder, DcVitMethod.Phases, new ManualTime());
        // Each block cut and finetuned, and all cut with nothing finetuned.
        var evaluating = 4 * (2 * structure.Count + 1);
        session.TimeFor("ranking").TotalMinutes.ShouldBe((60 - evaluating) * 0.35 / 0.85, 1e-6);
        session.TimeFor("finetuning").TotalMinutes.ShouldBe(60 - evaluating, 1e-6);
    }

    [Fact]
    public void A_synthesis_that_was_stopped_keeps_its_number_of_steps_on_a_slower_clock()
    {
        var request = Request(steps: null) with { Eval = null, Effort = new FewShotEffort { Time = TimeSpan.FromHours(1) } };
        var planned = new List<long>();
        _runs.CompressUntil("a", new DcVitMethod(request, s_options, new TickingTime(TimeSpan.FromSeconds(2))), update => Seen(update) && update.Step >= 2);
        using (var folder = RunFolder.Open(_runs.PathOf("a")))
        using (var stop = new CancellationTokenSource())
            Should.Throw<OperationCanceledException>(() => new DcVitMethod(request, s_options, new TickingTime(TimeSpan.FromSeconds(9))).Compress(folder, new Told(update =>
            {
                if (Seen(update)) stop.Cancel();
            }), stop.Token));
        planned.Count.ShouldBeGreaterThanOrEqualTo(2);
        planned.Distinct().ShouldHaveSingleItem().ShouldBeInRange(3, 1999);

        bool Seen(ProgressUpdate update)
        {
            if (update is not { Stage: MetricSetStage.Name, Total: > 0 }) return false;
            planned.Add(update.Total);
            return true;
        }
    }

    [Fact]
    public void A_report_says_when_even_the_least_work_took_longer_than_the_time()
    {
        var hasty = Method(Request(steps: null) with { Eval = null, Effort = new FewShotEffort { Time = TimeSpan.FromMilliseconds(1) } }, s_options);
        var leisurely = Method(Request(steps: 1) with { Eval = null }, s_options);
        Notes(hasty).ShouldContain(note => note.StartsWith("It took ", StringComparison.Ordinal) && note.Contains("even the least work takes longer"));
        Notes(leisurely).ShouldNotContain(note => note.StartsWith("It took ", StringComparison.Ordinal));

        IReadOnlyList<string> Notes(DcVitMethod method)
        {
            var result = _runs.Compress("a", method);
            using var folder = RunFolder.Open(_runs.PathOf("a"));
            return FewShotReport.Of(method, result, folder).Notes;
        }
    }

    private sealed class Told(Action<ProgressUpdate> tell) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => tell(value);
    }

    [Fact]
    public void Synthetic_sets_are_kept_for_the_next_run()
    {
        var request = Request(steps: 2) with { CacheFolder = _runs.PathOf("cache") };
        Compress("a", request).MetricSetCached.ShouldBeFalse();
        Compress("b", request).MetricSetCached.ShouldBeTrue();
        _runs.Bytes("a").ShouldBe(_runs.Bytes("b"));
    }

    [Fact]
    public void An_impossible_order_is_refused_before_anything_is_written()
    {
        Should.Throw<UsageException>(() => Compress("a", Request(steps: 1), new DcVitOptions { Order = [2, 2] })).Message.ShouldContain("twice");
        Should.Throw<UsageException>(() => Compress("a", Request(steps: 1), new DcVitOptions { Order = [2, 9] })).Message.ShouldContain("no block 9");
        Directory.Exists(_runs.PathOf("a")).ShouldBeFalse();
    }

    private FewShotRequest Request(long? steps) => new()
    {
        Model = toy.Source,
        Target = new Target(TargetForm.KeepMacs, Keep),
        Method = "dc-vit",
        Images = toy.Train,
        Count = 50,
        Eval = toy.Test,
        MetricSet = new MetricSetOptions { MaxImages = 8 },
        Effort = new FewShotEffort { Steps = steps },
        Seed = 7,
        Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
    };

    private FewShotResult Compress(string name, FewShotRequest request, DcVitOptions? options = null) =>
        _runs.Compress(name, Method(request, options ?? s_options));

    private static DcVitMethod Method(FewShotRequest request, DcVitOptions options) => new(request, options, TimeProvider.System);
}
