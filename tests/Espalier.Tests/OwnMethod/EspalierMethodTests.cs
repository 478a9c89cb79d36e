using Espalier.Budget;
using Espalier.Compute;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.OwnMethod;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.OwnMethod;

/// <summary>The whole method on a tiny trained network.</summary>
[Collection(TorchCollection.Name)]
public sealed class EspalierMethodTests(StripesModel toy) : IClassFixture<StripesModel>, IDisposable
{
    private const double Keep = 0.6;

    private static readonly EspalierOptions s_options = new()
    {
        Rounds = 2,
        Distillation = new DistillationOptions { BatchSize = 16, LearningRate = 3e-4, MinCropArea = 0.8 },
    };

    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Fact]
    public void A_repaired_network_has_the_size_asked_for_and_is_far_better_than_the_raw_cut()
    {
        var result = Compress("a", Request(steps: 20));
        VitCost.Of(ModelSource.Open(_runs.PathOf("a")).Vit).ShouldBe(result.After);
        ((double)result.After.MacsBudget).ShouldBeInRange(0.98 * Keep * result.Before.MacsBudget, Keep * result.Before.MacsBudget * (1 + 1e-8));
        result.Stages.Select(s => s.Stage).ShouldBe(["cut", "repaired", "finetuned"]);
        var (raw, repaired, last) = (result.Stages[0], result.Stages[1], result.Stages[2]);
        repaired.HeldOut!.Kl.ShouldBeLessThan(0.5 * raw.HeldOut!.Kl);
        repaired.Top1!.Value.ShouldBeGreaterThanOrEqualTo(raw.Top1!.Value);
        last.Top1!.Value.ShouldBeGreaterThan(0.85);
    }

    [Fact]
    public void The_same_run_gives_the_same_bytes_and_leaks_nothing()
    {
        var before = Tensor.LiveCount;
        Compress("a", Request(steps: 4));
        Compress("b", Request(steps: 4));
        _runs.Bytes("a").ShouldBe(_runs.Bytes("b"));
        Tensor.LiveCount.ShouldBe(before);
        Compress("c", Request(steps: 4) with { Seed = 8 });
        _runs.Weights("c").ShouldNotBe(_runs.Weights("a"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(7)]
    public void A_run_that_was_stopped_goes_on_to_the_same_bytes(int updates)
    {
        Compress("whole", Request(steps: 6));
        _runs.CompressInTwo("cut", () => new EspalierMethod(Request(steps: 6), s_options, TimeProvider.System), updates);
        _runs.Bytes("cut").ShouldBe(_runs.Bytes("whole"));
    }

    [Fact]
    public void A_time_too_short_for_a_look_takes_the_start_as_it_is()
    {
        var effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMilliseconds(1) };
        var hasty = _runs.Compress("hasty", new EspalierMethod(Request(steps: 0) with { Effort = effort }, s_options with { Rounds = 3 }, TimeProvider.System));
        (hasty.WidthRounds, hasty.SearchImages).ShouldBe((1, 40));
        Compress("start", Request(steps: 0), s_options with { Rounds = 1 });
        _runs.Bytes("hasty").ShouldBe(_runs.Bytes("start"));
    }

    [Fact]
    public void A_time_too_short_to_repair_on_all_images_repairs_on_some()
    {
        var many = Request(steps: 0) with { Count = 80, Eval = null };
        var hasty = _runs.Compress("hasty", new EspalierMethod(many with { Effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMilliseconds(1) } }, s_options, TimeProvider.System));
        (hasty.WidthRounds, hasty.SearchImages, hasty.RepairImages, hasty.Samples.Train.Count).ShouldBe((1, 40, 40, 80));
        Compress("asked", many, s_options with { Rounds = 1, RepairImages = 40 }).RepairImages.ShouldBe(40);
        // Also where nothing is searched for.
        _runs.Compress("start", new EspalierMethod(many with { Effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMilliseconds(1) } }, s_options with { Rounds = 1 }, TimeProvider.System))
            .RepairImages.ShouldBe(40);
        _runs.Bytes("hasty").ShouldBe(_runs.Bytes("asked"));
        Compress("all", many, s_options with { Rounds = 1 }).RepairImages.ShouldBe(80);
        _runs.Bytes("all").ShouldNotBe(_runs.Bytes("asked"));
    }

    /// <summary>What a time leaves out is to be asked for when the run is repeated without one.</summary>
    [Fact]
    public void A_time_too_short_for_crops_of_few_photos_says_how_many_there_were()
    {
        var photos = VitArchitecture.Uniform("photos", 80, patchSize: 16, channels: 1, embedDim: 32, depth: 3, heads: 2, classes: 4);
        var request = Given(photos) with { Target = Target.KeepMacs(Keep), Eval = null };
        var hasty = Compress("hasty", request with { Effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMilliseconds(1) } }, s_options with { Rounds = 1 });
        hasty.RepairCrops.ShouldBe(0);
        Compress("asked", request, s_options with { Rounds = 1, Crops = 0 }).RepairCrops.ShouldBeNull();
        _runs.Bytes("hasty").ShouldBe(_runs.Bytes("asked"));
        Compress("patient", request, s_options with { Rounds = 1 }).RepairCrops.ShouldBeNull();
        _runs.Bytes("patient").ShouldNotBe(_runs.Bytes("asked"));
    }

    [Fact]
    public void A_search_on_some_images_is_repaired_on_all()
    {
        var few = Compress("few", Request(steps: 0), s_options with { SearchImages = 20 });
        (few.WidthRounds, few.SearchImages).ShouldBe((2, 20));
        var all = Compress("all", Request(steps: 0));
        all.SearchImages.ShouldBe(40);
        few.Search[0].Kl.ShouldNotBe(all.Search[0].Kl);
        // The start, which no image chose, is repaired on the same images.
        Compress("few start", Request(steps: 0), s_options with { Rounds = 1, SearchImages = 20 });
        Compress("all start", Request(steps: 0), s_options with { Rounds = 1 });
        _runs.Bytes("few start").ShouldBe(_runs.Bytes("all start"));
        // With more time than a look needs, it is the same as without a bound.
        var slow = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromHours(1) };
        _runs.Compress("slow", new EspalierMethod(Request(steps: 0) with { Effort = slow }, s_options, TimeProvider.System)).SearchImages.ShouldBe(40);
        _runs.Bytes("slow").ShouldBe(_runs.Bytes("all"));
    }

    /// <summary>How long a round takes is not known when a search goes on, and it was asked for no more than time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_timed_search_that_was_stopped_goes_on(int round)
    {
        var request = Request(steps: 0) with { Effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMinutes(1) } };
        EspalierMethod Method() => new(request, s_options with { Rounds = 3 }, new ManualTime());
        var whole = _runs.Compress("whole", Method());
        _runs.CompressUntil("cut", Method(), update => update.Note?.StartsWith($"round {round + 1}", StringComparison.Ordinal) == true);
        _runs.GoOn("cut", Method()).Search.ShouldBe(whole.Search);
        whole.Search.Select(s => s.Fold).ShouldBe([0, 1, 0]);
        _runs.Bytes("cut").ShouldBe(_runs.Bytes("whole"));
    }

    [Theory]
    [InlineData("repair", "off")]
    [InlineData("weigh_tokens", "off")]
    [InlineData("weigh_channels", "off")]
    [InlineData("compensation", "2")]
    [InlineData("correction", "3")]
    [InlineData("correction_share", "1")]
    [InlineData("strength", "1")]
    [InlineData("strength", "left_out")]
    [InlineData("units", "random")]
    [InlineData("units", "variance")]
    [InlineData("query_key", "off")]
    [InlineData("value", "off")]
    [InlineData("crops", "1")]
    [InlineData("rounds", "1")]
    [InlineData("refit", "0.2")]
    [InlineData("blend", "on")]
    [InlineData("feature_every", "0")]
    [InlineData("features", "0")]
    [InlineData("logits", "1")]
    [InlineData("pull", "0.01")]
    [InlineData("ema", "0")]
    [InlineData("mix", "0")]
    [InlineData("synthetic_inputs", "on")]
    [InlineData("optimizer", "muon")]
    public void Every_switch_ends_in_another_model_that_meets_the_target(string topic, string setting)
    {
        // Without features something else must be followed.
        var plain = topic == "features" ? s_options.With("logits", "1") : s_options;
        Compress("plain", Request(steps: 3) with { Eval = null }, plain);
        var live = Tensor.LiveCount;
        var isSynthetic = topic == "synthetic_inputs";
        var request = Request(steps: 3) with { Eval = null };
        var result = Compress("switched", isSynthetic ? request with { MetricSet = new() { MaxImages = 8 } } : request, plain.With(topic, setting));
        result.SynthesisSteps.ShouldBe(isSynthetic ? 3 : 0, "what is trained on as synthetic was made");
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        Tensor.LiveCount.ShouldBe(live);
        _runs.Weights("switched").ShouldNotBe(_runs.Weights("plain"));
    }

    /// <summary>A network is all but perfect on what it was repaired on, so those images would always speak for it.</summary>
    [Fact]
    public void A_blend_is_judged_on_images_that_nothing_was_fitted_to()
    {
        var blended = s_options with { Blend = true };
        Compress("blended", Request(steps: 2) with { Eval = null }, blended).RepairImages.ShouldBe(32, "a fifth of the 40 judges");
        Compress("whole", Request(steps: 2) with { Eval = null }).RepairImages.ShouldBe(40);
        Compress("no steps", Request(steps: 0) with { Eval = null }, blended).RepairImages.ShouldBe(40, "there is nothing to blend");
        Compress("two", Request(steps: 2) with { Eval = null, Count = 2 }, blended).RepairImages.ShouldBe(1);
    }

    [Fact]
    public void A_finetune_that_follows_nothing_is_refused() =>
        Should.Throw<UsageException>(() => new EspalierMethod(Request(steps: 1), s_options.With("features", "0"), TimeProvider.System)).Message.ShouldContain("both with weight 0");

    [Fact]
    public void Synthetic_images_to_train_on_need_a_synthetic_set() =>
        Should.Throw<UsageException>(() => new EspalierMethod(Request(steps: 1), s_options.With("synthetic_inputs", "on"), TimeProvider.System)).Message.ShouldContain("another set was named");

    [Fact]
    public void Without_images_no_gradient_steps_are_no_reason_to_make_none()
    {
        var request = Request(steps: 0) with { Images = null, Eval = null, MetricSet = new() { MaxImages = 8 }, Effort = new FewShotEffort { Steps = 0, Time = TimeSpan.FromMilliseconds(1) } };
        var result = Compress("a", request);
        (result.SynthesisSteps, result.FinetuneSteps).ShouldBe((1, 0), "one is the least");
    }

    [Fact]
    public void Biases_that_a_cut_adds_count_for_the_target()
    {
        var net = VitArchitecture.Uniform("bare", 16, patchSize: 4, channels: 1, embedDim: 32, depth: 4, heads: 2, classes: 4).WithBlocks(b => b with { QkvBias = false });
        var target = Target.Params((long)(0.8 * VitCost.Of(net).Parameters));
        var result = Compress("a", Given(net) with { Target = target });
        VitCost.Of(ModelSource.Open(_runs.PathOf("a")).Vit).ShouldBe(result.After);
        ((double)result.After.Parameters).ShouldBeInRange(0.98 * target.Value, target.Value);
    }

    [Fact]
    public void Features_of_a_network_that_merges_tokens_are_compared_at_its_class_token()
    {
        var request = Request(steps: 2) with { Eval = null };
        var result = Compress("a", request with { MetricSet = request.MetricSet with { Kind = MetricKind.Mse } }, s_options with { MergeTokens = true });
        result.Structure!.MergesTokens.ShouldBeTrue();
        result.Stages.ShouldAllBe(s => s.Metric > 0 && double.IsFinite(s.Metric));
    }

    [Fact]
    public void A_round_of_merging_is_begun_only_if_it_is_foretold_to_be_done_in_time()
    {
        // Every look at this clock takes a second. The first round only scores the start; one that tries every block takes many times as long.
        var given = Given(VitArchitecture.Uniform("merging", 16, patchSize: 2, channels: 1, embedDim: 16, depth: 8, heads: 2, classes: 4)) with { Target = Target.KeepMacs(0.7) };
        Rounds(TimeSpan.FromHours(1)).ShouldBeGreaterThan(1);
        Rounds(TimeSpan.FromSeconds(12)).ShouldBe(1);

        int Rounds(TimeSpan time)
        {
            var request = given with { Effort = new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = time } };
            return _runs.Compress("a", new EspalierMethod(request, s_options with { MergeTokens = true, Rounds = null }, new TickingTime(TimeSpan.FromSeconds(1)))).MergingRounds;
        }
    }

    [Fact]
    public void A_head_on_the_mean_of_all_tokens_lets_none_be_merged()
    {
        var net = VitArchitecture.Uniform("mean", 16, patchSize: 4, channels: 1, embedDim: 32, depth: 2, heads: 2, classes: 4) with { Pool = Pooling.Average };
        Should.Throw<UsageException>(() => new EspalierMethod(Given(net), s_options with { MergeTokens = true }, TimeProvider.System)).Message.ShouldContain("reads the mean of all tokens");
    }

    [Fact]
    public void A_block_that_is_a_linear_layer_stays_what_it_is()
    {
        using (var teacher = toy.Source.LoadVit())
        using (var linear = teacher.ReplaceByLinear(1))
        {
            Directory.CreateDirectory(_runs.PathOf("linear"));
            ModelFolder.Write(_runs.PathOf("linear"), linear);
        }
        var source = ModelSource.Open(_runs.PathOf("linear"));
        var result = Compress("a", Request(steps: 2) with { Model = source, Eval = null });
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        result.Stages[1].HeldOut!.Kl.ShouldBeLessThan(result.Stages[0].HeldOut!.Kl);
        ModelSource.Open(_runs.PathOf("a")).Vit.Blocks[1].ShouldBe(source.Vit.Blocks[1]);
    }

    [Fact]
    public void Kept_blocks_stay_whole()
    {
        Compress("a", Request(steps: 0) with { Eval = null }, s_options with { Keep = [2] });
        ModelSource.Open(_runs.PathOf("a")).Vit.Blocks[2].ShouldBe(toy.Source.Vit.Blocks[2]);
    }

    // An untrained network of that architecture, no gradient step.
    private FewShotRequest Given(VitArchitecture net)
    {
        using var model = net.Random(toy.Source.Preprocessing with { Size = net.ImageSize }, seed: 5);
        var folder = Directory.CreateDirectory(_runs.PathOf("given")).FullName;
        ModelFolder.Write(folder, model);
        return Request(steps: 0) with { Model = ModelSource.Open(folder), Eval = null };
    }

    private FewShotRequest Request(long steps) => toy.Request("espalier", Keep, count: 40, steps);

    private FewShotResult Compress(string name, FewShotRequest request, EspalierOptions? options = null) =>
        _runs.Compress(name, new EspalierMethod(request, options ?? s_options, TimeProvider.System));
}
