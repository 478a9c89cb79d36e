using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>The closed-form fit of a token mixer.</summary>
public class MixerRepairTests : TorchTest
{
    private const int Networks = 3;
    private static readonly BlockEdit s_noAttention = BlockEdits.Find("no attention");

    [Fact]
    public void A_mixer_is_never_worse_than_nothing_and_a_higher_rank_never_worse_than_a_lower() => RepairCase.ForEach(Networks, test =>
    {
        foreach (var isWhole in (bool[])[true, false])
            foreach (var strength in (double?[])[null, 1e-6])
            {
                using var student = isWhole ? test.Teacher.Clone() : test.Damaged();
                var options = new RepairOptions { Strength = strength, RefitWhole = false };
                using var without = test.Repaired(student, test.With(0, s_noAttention.Apply), options);
                var least = test.Error(without, 0, afterMlp: false);
                foreach (var rank in (int[])[0, 1, 4, test.Net.EmbedDim + 3])
                {
                    using var mixed = test.Repaired(student, Mixed(test, rank), options);
                    var error = test.Error(mixed, 0, afterMlp: false);
                    error.ShouldBeLessThanOrEqualTo(least * (1 + 1e-6), $"rank {rank}, strength {strength}");
                    if (rank < 2) error.ShouldBeLessThan(least);
                    least = error;
                }
            }
    });

    [Fact]
    public void At_rank_0_every_position_gets_what_it_lacks_on_the_mean() => RepairCase.ForEach(Networks, test =>
    {
        using var student = test.Damaged();
        using var mixed = test.Repaired(student, Mixed(test, 0), new RepairOptions());
        var lack = test.Teacher.AfterAttention(0, test.Teacher.Embed(test.Pixels)) - student.Embed(test.Pixels);
        Distance(mixed.Weights["blocks.0.mixer.bias"], lack.Mean([0])).ShouldBeLessThan(1e-5);
    });

    [Fact]
    public void What_a_mixer_can_do_is_found()
    {
        using var test = new RepairCase(9, images: 60);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        TorchRuntime.Seed(4);
        var (bias, map) = (Tensor.RandN([test.Net.Tokens, test.Net.EmbedDim]), LowRank(test.Net.EmbedDim, 2));
        using var wanted = tokens.Through(x => x + bias + x.Mean([1], keepDim: true).Linear(map), CancellationToken.None);
        using var mixed = Fit(test, 2, tokens, wanted, new RepairOptions { Strength = 1e-7 });
        for (var k = 0; k < tokens.Count; k++) Distance(mixed.AfterAttention(0, tokens[k]), wanted[k]).ShouldBeLessThan(1e-3);
        var others = test.Teacher.Embed(TestNets.Pixels(test.Net, 4, 5));
        Distance(mixed.AfterAttention(0, others), others + bias + others.Mean([1], keepDim: true).Linear(map)).ShouldBeLessThan(1e-2);
    }

    [Fact]
    public void No_mixer_nearby_of_the_same_rank_is_better()
    {
        using var test = new RepairCase(2, images: 40);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        using var wanted = tokens.Through(x => test.Teacher.AfterAttention(0, x), CancellationToken.None);
        using var mixed = Fit(test, 2, tokens, wanted, new RepairOptions { Strength = 1e-9 });
        var least = Error(mixed);
        TorchRuntime.Seed(6);
        foreach (var size in (double[])[0.001, 0.01, 0.1])
            for (var k = 0; k < 10; k++)
            {
                using var scope = new TensorScope();
                using var moved = mixed.Clone();
                foreach (var name in moved.BlockTensors(0).Where(n => n.Contains(".mixer.")))
                {
                    var noise = Tensor.RandN(moved.Weights[name].Shape);
                    moved.Weights[name].AddInPlace(noise, size * moved.Weights[name].Norm().Item() / noise.Norm().Item());
                }
                Error(moved).ShouldBeGreaterThan(least);
            }

        double Error(VitModel model)
        {
            using var scope = new TensorScope();
            double sum = 0;
            for (var k = 0; k < tokens.Count; k++)
            {
                var lack = (wanted[k] - model.AfterAttention(0, tokens[k])).To(DType.Float64);
                sum += (lack * lack * test.Sensitivity.AfterAttention(0).Tokens.Reshape(1, -1, 1)).Sum().Item();
            }
            return sum;
        }
    }

    [Fact]
    public void A_mixer_that_is_there_keeps_its_map_and_gets_the_best_bias() => RepairCase.ForEach(Networks, test =>
    {
        using var mixed = test.Repaired(test.Teacher, Mixed(test, 2), new RepairOptions());
        using var moved = mixed.Clone();
        moved.Weights["pos_embed"].AddInPlace(Tensor.RandN(moved.Weights["pos_embed"].Shape), 0.3);
        using var refitted = test.Repaired(moved, moved.Architecture, new RepairOptions());
        refitted.Weights.Differences(moved.Weights).ShouldContain("blocks.0.mixer.bias");
        refitted.Weights.Differences(moved.Weights).ShouldNotContain("blocks.0.mixer.down.weight");
        test.Error(refitted, 0, afterMlp: false).ShouldBeLessThan(test.Error(moved, 0, afterMlp: false));
        using var same = test.Repaired(refitted, refitted.Architecture, new RepairOptions());
        Distance(same.Weights["blocks.0.mixer.bias"], refitted.Weights["blocks.0.mixer.bias"]).ShouldBeLessThan(1e-5);
        using var dropped = test.Repaired(refitted, test.With(0, _ => new VitBlock()), new RepairOptions());
        dropped.Architecture.Blocks[0].ShouldBe(new VitBlock());
    });

    [Fact]
    public void Without_solving_a_new_mixer_does_nothing()
    {
        using var test = new RepairCase(1);
        using var mixed = test.Repaired(test.Teacher, Mixed(test, 2), new RepairOptions { Solve = false });
        using var without = test.Teacher.RemoveAttention(0);
        mixed.Answer(test.Pixels).BitEquals(without.Answer(test.Pixels)).ShouldBeTrue();
    }

    private static VitArchitecture Mixed(RepairCase test, int rank) => test.With(0, b => s_noAttention.Apply(b) with { MixerRank = rank });

    private static VitModel Fit(RepairCase test, int rank, TokenStream tokens, TokenStream wanted, RepairOptions options) => MixerRepair.Run(
        test.Teacher, 0, rank, tokens, wanted, new LayerRepair(test.Calibration, options, test.Sensitivity.AfterAttention(0), "mixer", CancellationToken.None));

    private static Tensor LowRank(int width, int rank) =>
        Tensor.RandN([width, rank]).MatMul(Tensor.RandN([rank, width])) * (1.0 / width);
}
