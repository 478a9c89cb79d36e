using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>What a network does not use can be cut from it without a trace.</summary>
public class TrueRankTests : TorchTest
{
    private const int Networks = 4;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Queries_and_keys_cut_to_the_rank_they_have_give_the_same_logits(bool solve) => RepairCase.ForEach(Networks, test =>
    {
        var rank = test.Net.Blocks[0].QkDim / 2;
        using var lowRank = Changed(test.Teacher, a => a with { Query = Array.ConvertAll(a.Query, q => Truncated(q, rank)) });
        ShouldStay(test, lowRank, b => b with { QkDim = rank }, new RepairOptions { Solve = solve });
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Values_cut_to_the_rank_they_have_give_the_same_logits(bool solve) => RepairCase.ForEach(Networks, test =>
    {
        var rank = test.Net.Blocks[0].VDim / 2;
        using var lowRank = Changed(test.Teacher, a => a with { Value = Array.ConvertAll(a.Value, v => Truncated(v, rank)) });
        ShouldStay(test, lowRank, b => b with { VDim = rank }, new RepairOptions { Solve = solve });
    });

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_head_that_is_not_heard_goes_without_a_trace(bool solve) => RepairCase.ForEach(Networks, test =>
    {
        var block = test.Net.Blocks[0];
        var silent = test.Random.NextInt(block.Heads);
        using var net = Changed(test.Teacher, a =>
        {
            var projection = a.Projection.Clone();
            projection.Narrow(1, silent * block.VDim, block.VDim).Zero();
            return a with { Projection = projection };
        });
        ShouldStay(test, net, b => b with { Heads = b.Heads - 1 }, new RepairOptions { Solve = solve });
    });

    [Fact]
    public void Of_two_heads_that_see_the_same_one_does_the_work_of_both() => RepairCase.ForEach(Networks, test =>
    {
        using var net = Changed(test.Teacher, a => a with
        {
            Query = Repeated(a.Query), Key = Repeated(a.Key), Value = Repeated(a.Value),
        });
        ShouldStay(test, net, b => b with { Heads = b.Heads - 1 }, new RepairOptions { Strength = 1e-6 });

        static Tensor[] Repeated(Tensor[] heads) => [heads[0], .. heads.SkipLast(1)];
    });

    [Fact]
    public void A_hidden_unit_another_one_repeats_goes_without_a_trace() => RepairCase.ForEach(Networks, test =>
    {
        using var net = test.Teacher.Clone();
        foreach (var name in (string[])["blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc1.bias"])
            net.Weights[name].Narrow(0, 7, 1).CopyFrom(net.Weights[name].Narrow(0, 3, 1));
        ShouldStay(test, net, b => b with { MlpHidden = b.MlpHidden - 1 }, new RepairOptions { Strength = 1e-6 });
    });

    [Fact]
    public void Values_are_chosen_without_the_help_of_heads_that_go() => RepairCase.ForEach(Networks, test =>
    {
        var width = test.Net.Blocks[0].VDim;
        using var sums = ProjectionSums(test, test.Teacher);
        // Head 0 in the basis its values are cut in; all other heads repeat the dimension that matters most to it, and nothing else.
        using var net = Changed(test.Teacher, a =>
        {
            var turned = ValueBasis.Choose(a, sums.Gram()).Attention;
            var repeats = Tensor.Cat([turned.Value[0].Narrow(0, 0, 1), Tensor.Zeros([width - 1, turned.Value[0].Size(1)], DType.Float64)], 0);
            return new AttentionTensors(
                [.. a.Query.Select(_ => a.Query[0])], [.. a.Key.Select(_ => a.Key[0])],
                [turned.Value[0], .. a.Value.Skip(1).Select(_ => repeats)], turned.Projection);
        });
        using var inputs = ProjectionSums(test, net);
        var projection = AttentionTensors.Of(net, 0).Projection;
        var least = Enumerable.Range(0, width).Min(without =>
        {
            int[] kept = [.. Enumerable.Range(0, width).Where(d => d != without)];
            return inputs.Error(Ridge.Widen(Ridge.Solve(inputs.Gram(), inputs.Cross(), projection, kept, 1e-5), kept, inputs.Inputs));
        });
        var pass = new VitRepairPass(net, test.Calibration, test.Sensitivity, new RepairOptions { Strength = 1e-5, RefitWhole = false });
        using var cut = pass.Run(net, test.With(0, b => b with { Heads = 1, VDim = width - 1 }));
        var (wanted, found) = (net.AfterAttention(0, net.Embed(test.Pixels)), cut.AfterAttention(0, cut.Embed(test.Pixels)));
        ((wanted - found) * (wanted - found) * test.Sensitivity.AfterAttention(0).Tokens.Reshape(1, -1, 1)).Sum().Item().ShouldBeLessThan(least * 1.001);
    });

    /// <summary>Of the projection of block 0, towards what it gives.</summary>
    private static GramSums ProjectionSums(RepairCase test, VitModel net)
    {
        var x = net.Embed(test.Pixels);
        var sums = new GramSums(net.Architecture.Blocks[0].Heads * net.Architecture.Blocks[0].VDim, net.Architecture.EmbedDim, folds: 2, "cpu");
        sums.Add(net.HeadOutputs(0, net.AttentionInput(0, x)), net.AfterAttention(0, x) - x, test.Sensitivity.AfterAttention(0).Tokens, fold: 0);
        return sums;
    }

    private static void ShouldStay(RepairCase test, VitModel net, Func<VitBlock, VitBlock> edit, RepairOptions options)
    {
        using var weights = Sensitivity.Measure(net, test.Images, 1, CancellationToken.None);
        using var cut = new VitRepairPass(net, test.Calibration, weights, options with { RefitWhole = false }).Run(net, test.With(0, edit));
        var expected = net.Answer(test.Pixels);
        Distance(cut.Answer(test.Pixels), expected).ShouldBeLessThan(1e-4 * Math.Max(1, expected.Abs().Max().Item()));
    }

    private static VitModel Changed(VitModel model, Func<AttentionTensors, AttentionTensors> change)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        return change(AttentionTensors.Of(model, 0)).PutInto(model, 0);
    }

    /// <summary>The nearest map of a rank.</summary>
    private static Tensor Truncated(Tensor map, int rank)
    {
        var (u, s, vt) = map.Svd();
        return (u.Narrow(1, 0, rank) * s.Narrow(0, 0, rank)).MatMul(vt.Narrow(0, 0, rank));
    }
}
