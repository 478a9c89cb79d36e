using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.OwnMethod;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Tests.FewShot;

/// <summary>The few-shot methods on a tiny trained Swin.</summary>
[Collection(TorchCollection.Name)]
public sealed class SwinMethodTests(StripesSwin toy) : IClassFixture<StripesSwin>, IDisposable
{
    private const double Keep = 0.75;

    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Fact]
    public void DcVit_compresses_blocks_of_both_stages_to_the_size_asked_for()
    {
        var live = Tensor.LiveCount;
        var options = new DcVitOptions { Finetune = new() { BatchSize = 16, LearningRate = 1e-3, MinCropArea = 0.8 } };
        var result = DcVit("a", Request(steps: 40), options);
        var net = ModelSource.Open(_runs.PathOf("a")).Vit;
        VitCost.Of(net).ShouldBe(result.After);
        net.Stages.ShouldBe([0, 2]);
        foreach (var (block, i) in net.Blocks.Select((b, i) => (b, i)))
            block.Kind.ShouldBe(result.Order.Contains(i) ? BlockKind.FfnOnly : BlockKind.Full, $"block {i}");
        ((double)result.After.MacsBudget).ShouldBeInRange(0.98 * Keep * result.Before.MacsBudget, Keep * result.Before.MacsBudget * (1 + 1e-8));
        result.Top1Before!.Value.ShouldBeGreaterThan(0.9);
        result.Stages[^1].Metric.ShouldBeLessThan(result.Stages[0].Metric);
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Ranked_anew_after_each_cut_the_report_tells_of_the_network_that_is_written()
    {
        var result = DcVit("a", Request(steps: 2) with { Eval = null }, new DcVitOptions { K = 3, Profile = DcVitProfile.Clean with { Rerank = true }, Finetune = new() { BatchSize = 8 } });
        var net = ModelSource.Open(_runs.PathOf("a")).Vit;
        VitCost.Of(net).ShouldBe(result.After);
        ((VitArchitecture)result.Structure!).Blocks.ShouldBe(net.Blocks);
        ((double)result.After.MacsBudget).ShouldBeLessThanOrEqualTo(Keep * result.Before.MacsBudget * (1 + 1e-8));
    }

    [Theory]
    [InlineData(BlockVariant.Drop)]
    [InlineData(BlockVariant.Identity)]
    [InlineData(BlockVariant.RemoveMlp)]
    [InlineData(BlockVariant.Compress)]
    public void Every_edit_goes_in_a_given_order(BlockVariant variant)
    {
        // Blocks of different stages save differently, whatever order they come in.
        int[] order = variant == BlockVariant.Compress ? [2, 1] : [1, 3, 2];
        var result = DcVit("a", Request(steps: 2) with { Target = new Target(TargetForm.KeepMacs, 0.8) }, new DcVitOptions { Variant = variant, Order = [.. order], Finetune = new() { BatchSize = 8 } });
        result.Order.ShouldBe(order);
        var net = ModelSource.Open(_runs.PathOf("a")).Vit;
        VitCost.Of(net).ShouldBe(result.After);
        net.Blocks[2].DownsampleDim.ShouldBe(32);
    }

    [Fact]
    public void Espalier_narrows_and_repairs_all_stages()
    {
        var live = Tensor.LiveCount;
        var result = Espalier("a", Request(steps: 10), new EspalierOptions { Rounds = 2, Distillation = new DistillationOptions { BatchSize = 16, MinCropArea = 0.8 } });
        var net = ModelSource.Open(_runs.PathOf("a")).Vit;
        VitCost.Of(net).ShouldBe(result.After);
        ((double)result.After.MacsBudget).ShouldBeInRange(0.98 * Keep * result.Before.MacsBudget, Keep * result.Before.MacsBudget * (1 + 1e-8));
        var (raw, repaired) = (result.Stages[0], result.Stages[1]);
        repaired.HeldOut!.Kl.ShouldBeLessThan(0.6 * raw.HeldOut!.Kl);
        repaired.Top1!.Value.ShouldBeGreaterThanOrEqualTo(raw.Top1!.Value);
        net.Blocks.Any(b => b.QkDim < 8).ShouldBeTrue();
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Tokens_are_not_merged()
    {
        Should.Throw<UsageException>(() => Espalier("a", Request(steps: 0), new EspalierOptions { MergeTokens = true })).Message
            .ShouldBe("The windows of stripes-swin need every token in its place, so none can be merged; leave that out, and widths are cut alone.");
    }

    private FewShotRequest Request(long steps) => toy.Request("swin", Keep, count: 40, steps);

    private FewShotResult DcVit(string name, FewShotRequest request, DcVitOptions options) => _runs.Compress(name, new DcVitMethod(request, options, TimeProvider.System));

    private FewShotResult Espalier(string name, FewShotRequest request, EspalierOptions options) => _runs.Compress(name, new EspalierMethod(request, options, TimeProvider.System));
}
