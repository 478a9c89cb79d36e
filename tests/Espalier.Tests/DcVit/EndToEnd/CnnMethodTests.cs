using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.MetricSets;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.DcVit.EndToEnd;

/// <summary>The whole method on a tiny trained convolutional network.</summary>
[Collection(TorchCollection.Name)]
public sealed class CnnMethodTests(StripesCnn toy) : IClassFixture<StripesCnn>, IDisposable
{
    private const double Keep = 0.75;

    private static readonly DcVitOptions s_options = new() { Variant = BlockVariant.Drop, Finetune = new() { BatchSize = 16, LearningRate = 1e-3, MinCropArea = 0.8 } };

    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(BlockVariant.Drop)]
    [InlineData(BlockVariant.Compress)]
    public void A_compressed_model_meets_the_target_and_gets_better_by_finetuning(BlockVariant variant)
    {
        var before = Tensor.LiveCount;
        var result = Compress("a", Request(steps: 40), s_options with { Variant = variant });
        var net = ModelSource.Open(_runs.PathOf("a")).Architecture.ShouldBeOfType<CnnArchitecture>();
        net.Cost().ShouldBe(result.After);
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        foreach (var block in result.Order)
            if (variant == BlockVariant.Drop) net.Blocks[block].Kind.ShouldBe(CnnBlockKind.Dropped);
            else net.Blocks[block].Hidden.ShouldBeInRange(1, StripesCnn.Net.Blocks[block].Hidden - 1);
        result.Ranking.Select(r => r.Metric).ShouldBeInOrder();
        result.Order.ShouldBe(result.Ranking.Take(result.Order.Length).Select(r => r.Block));
        var (raw, last) = (result.Stages[0], result.Stages[^1]);
        last.HeldOut!.FeatureMse.ShouldBeLessThan(raw.HeldOut!.FeatureMse);
        last.Metric.ShouldBeLessThan(raw.Metric);
        result.Top1Before!.Value.ShouldBeGreaterThan(0.9);
        last.Top1!.Value.ShouldBeGreaterThanOrEqualTo(raw.Top1!.Value);
        Tensor.LiveCount.ShouldBe(before);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    [InlineData(26)]
    [InlineData(29)]
    public void A_run_that_was_stopped_goes_on_to_the_same_bytes(int updates)
    {
        // Five updates for the synthesis, then five for each candidate and each block of the order.
        var request = Request(steps: 5) with { Eval = null };
        Compress("whole", request, s_options);
        _runs.CompressInTwo("cut", () => new DcVitMethod(request, s_options, TimeProvider.System), updates);
        _runs.Bytes("cut").ShouldBe(_runs.Bytes("whole"));
    }

    public static TheoryData<string, DcVitOptions> Switches => new()
    {
        { "official profile", DcVitOptions.For(DcVitProfile.Official) with { Variant = BlockVariant.Drop } },
        { "rank again", s_options with { Profile = DcVitProfile.Clean with { Rerank = true } } },
        { "local ranking", s_options.With("ranking", "local") },
        { "no carry-over", s_options with { Profile = DcVitProfile.Clean with { CarryOver = false } } },
        { "once", s_options with { Once = true } },
        { "given order", s_options with { Order = [4, 1, 2], Variant = BlockVariant.Compress } },
        { "given number", s_options with { K = 4, Variant = BlockVariant.Compress } },
        { "kept block", s_options with { Keep = [2], Variant = BlockVariant.Compress } },
        { "update all", s_options with { Finetune = s_options.Finetune with { Update = UpdateRange.All } } },
        { "update inter", s_options with { Finetune = s_options.Finetune with { Update = UpdateRange.Inter } } },
        { "update norms", s_options with { Finetune = s_options.Finetune with { Update = UpdateRange.LayerNorms } } },
        { "after pooling", s_options with { Finetune = s_options.Finetune with { Feature = FeaturePoint.AfterGap } } },
        { "PRACTISE", Practise.Options(s_options, MetricKind.Kl) },
        { "PRACTISE by features", Practise.Options(s_options, MetricKind.Mse) },
        { "middle block", s_options with { Finetune = s_options.Finetune with { Feature = FeaturePoint.MiddleBlock } } },
    };

    [Theory]
    [MemberData(nameof(Switches))]
    public void Every_switch_ends_in_a_model_that_meets_the_target(string name, DcVitOptions options)
    {
        name.ShouldNotBeEmpty();
        var result = Compress("a", Request(steps: 2) with { Eval = null }, options);
        ModelSource.Open(_runs.PathOf("a")).Architecture.Cost().ShouldBe(result.After);
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        if (options.Order is { } order) result.Order.ShouldBe(order);
        if (options.K is { } k) result.Order.Length.ShouldBe(k);
        foreach (var kept in options.Keep) result.Order.ShouldNotContain(kept);
    }

    [Theory]
    [InlineData(FinetuneLoss.Mimic)]
    [InlineData(FinetuneLoss.SoftLabels)]
    [InlineData(FinetuneLoss.Labels)]
    public void With_running_statistics_they_stay_the_teachers(FinetuneLoss loss)
    {
        var before = Tensor.LiveCount;
        using (var teacher = toy.Source.Load())
            foreach (var (setting, changes) in new[] { ("running", false), ("batch", true) })
            {
                Compress(setting, Request(steps: 3) with { Eval = null }, (s_options with { Finetune = s_options.Finetune with { Loss = loss } }).With("batch_norm", setting));
                using var student = ModelSource.Open(_runs.PathOf(setting)).Load();
                (!student.Weights["bn1.running_mean"].BitEquals(teacher.Weights["bn1.running_mean"])).ShouldBe(changes, setting);
                student.Weights["bn1.weight"].BitEquals(teacher.Weights["bn1.weight"]).ShouldBeFalse();
            }
        Tensor.LiveCount.ShouldBe(before);
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

    private FewShotResult Compress(string name, FewShotRequest request, DcVitOptions options) => _runs.Compress(name, new DcVitMethod(request, options, TimeProvider.System));
}
