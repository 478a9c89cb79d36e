using Espalier.Budget;
using Espalier.Compute;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.OwnMethod;
using Espalier.Runs;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.OwnMethod;

/// <summary>The whole method on a tiny trained convolutional network.</summary>
[Collection(TorchCollection.Name)]
public sealed class EspalierCnnTests(StripesCnn toy) : IClassFixture<StripesCnn>, IDisposable
{
    private const double Keep = 0.7;

    private static readonly EspalierOptions s_options = new()
    {
        Rounds = 3,
        Distillation = new DistillationOptions { BatchSize = 16, LearningRate = 3e-4, MinCropArea = 0.8 },
    };

    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(TargetForm.KeepMacs)]
    [InlineData(TargetForm.Params)]
    public void A_repaired_network_has_the_size_asked_for_and_is_far_better_than_the_raw_cut(TargetForm form)
    {
        var live = Tensor.LiveCount;
        var target = form == TargetForm.KeepMacs ? new Target(form, Keep) : new Target(TargetForm.Params, Keep * toy.Source.Architecture.Cost().Parameters);
        var result = _runs.Compress("a", Method(Request(steps: 20) with { Target = target }));
        var net = (CnnArchitecture)_runs.Net("a");
        net.Cost().ShouldBe(result.After);
        result.Structure!.IsSame(net).ShouldBeTrue();
        var limit = target.Resolve(result.Before);
        // One channel more, in whichever block, would be too much.
        ((double)result.After.In(limit.Measure)).ShouldBeLessThanOrEqualTo(limit.Amount * (1 + 1e-8));
        for (var i = 0; i < net.Depth; i++)
            if (net.Blocks[i].Hidden < StripesCnn.Net.Blocks[i].Hidden)
                limit.Met(net.WithWidth(i, WidthKind.Hidden, net.Blocks[i].Hidden + 1).Cost()).ShouldBeFalse($"block {i}");
        result.Stages.Select(s => s.Stage).ShouldBe(["cut", "repaired", "finetuned"]);
        var (raw, repaired, last) = (result.Stages[0], result.Stages[1], result.Stages[2]);
        repaired.HeldOut!.Kl.ShouldBeLessThan(0.6 * raw.HeldOut!.Kl);
        repaired.Top1!.Value.ShouldBeGreaterThanOrEqualTo(raw.Top1!.Value);
        last.Top1!.Value.ShouldBeGreaterThan(0.85);
        Tensor.LiveCount.ShouldBe(live);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(6)]
    [InlineData(8)]
    public void A_run_that_was_stopped_goes_on_to_the_same_bytes(int updates)
    {
        _runs.Compress("whole", Method(Request(steps: 6)));
        _runs.CompressInTwo("cut", () => Method(Request(steps: 6)), updates);
        _runs.Bytes("cut").ShouldBe(_runs.Bytes("whole"));
    }

    [Theory]
    [InlineData("repair", "off")]
    [InlineData("weigh_tokens", "off")]
    [InlineData("weigh_channels", "off")]
    [InlineData("correction_share", "1")]
    [InlineData("strength", "left_out")]
    [InlineData("units", "random")]
    [InlineData("crops", "1")]
    [InlineData("refit", "0.2")]
    [InlineData("feature_every", "0")]
    [InlineData("batch_norm", "batch")]
    [InlineData("ema", "0")]
    public void Every_switch_ends_in_another_model_that_meets_the_target(string topic, string setting)
    {
        _runs.Compress("plain", Method(Request(steps: 3) with { Eval = null }));
        var result = _runs.Compress("switched", Method(Request(steps: 3) with { Eval = null }, s_options.With(topic, setting)));
        result.After.MacsBudget.ShouldBeLessThanOrEqualTo((long)(Keep * result.Before.MacsBudget) + 1);
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        _runs.Weights("switched").ShouldNotBe(_runs.Weights("plain"));
    }

    [Fact]
    public void With_running_statistics_the_first_ones_stay_the_teachers()
    {
        using var teacher = toy.Source.Load();
        foreach (var (setting, changes) in new[] { ("running", false), ("batch", true) })
        {
            _runs.Compress(setting, Method(Request(steps: 3) with { Eval = null }, s_options.With("batch_norm", setting)));
            using var student = ModelSource.Open(_runs.PathOf(setting)).Load();
            student.Weights["bn1.running_mean"].BitEquals(teacher.Weights["bn1.running_mean"]).ShouldBe(!changes, setting);
            student.Weights["bn1.weight"].BitEquals(teacher.Weights["bn1.weight"]).ShouldBeFalse();
        }
    }

    [Fact]
    public void Widths_found_before_are_taken_over_and_kept_blocks_stay_whole()
    {
        var request = Request(steps: 0) with { Eval = null };
        _runs.Compress("a", Method(request, s_options with { Keep = [2] }));
        var net = (CnnArchitecture)_runs.Net("a");
        net.Blocks[2].ShouldBe(StripesCnn.Net.Blocks[2]);
        _runs.Compress("b", Method(request, s_options with { Like = net }));
        _runs.Net("b").IsSame(net).ShouldBeTrue();
        Should.Throw<UsageException>(() => Method(request, s_options with { Like = StripesCnn.Net with { Blocks = net.Blocks.SetItem(1, net.Blocks[1].Drop()) } })).Message
            .ShouldContain("in more than widths");
        Should.Throw<UsageException>(() => Method(request, s_options with { MergeTokens = true })).Message.ShouldContain("which has no tokens");
    }

    [Fact]
    public void A_family_is_nested_and_meets_every_target()
    {
        var live = Tensor.LiveCount;
        Target[] targets = [new(TargetForm.KeepMacs, 0.9), new(TargetForm.KeepMacs, 0.8), new(TargetForm.KeepMacs, Keep)];
        var result = _runs.Sweep("family", new SweepMethod(Request(steps: 2), s_options, [.. targets], TimeProvider.System));
        CnnArchitecture? wider = null;
        foreach (var (point, target) in result.Points.Zip(targets))
        {
            target.Resolve(result.Before).Met(point.Cost).ShouldBeTrue();
            var net = (CnnArchitecture)_runs.Net(Path.Combine("family", point.Folder));
            if (wider is not null) foreach (var (a, b) in net.Blocks.Zip(wider.Blocks)) a.Hidden.ShouldBeLessThanOrEqualTo(b.Hidden);
            wider = net;
        }
        Tensor.LiveCount.ShouldBe(live);
    }

    private static EspalierMethod Method(FewShotRequest request, EspalierOptions? options = null) => new(request, options ?? s_options, TimeProvider.System);

    private FewShotRequest Request(long steps) => toy.Request("espalier", Keep, count: 60, steps);
}
