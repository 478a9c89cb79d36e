using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What structural edits promise, over random networks.</summary>
public class VitEditTests : TorchTest
{
    private const int Networks = 20;

    [Fact]
    public void A_compressed_mlp_is_the_full_one_with_the_other_hidden_activations_at_zero() => ForEachNet((model, random, block) =>
    {
        var units = RandomEdits.Units(model, block, random);
        using var cut = model.KeepHidden(block, units);
        using var masked = model.Clone();
        var mask = Tensor.Zeros([model.Architecture.Blocks[block].MlpHidden]);
        foreach (var unit in units) mask.Span<float>()[unit] = 1;
        var fc2 = $"blocks.{block}.mlp.fc2.weight";
        masked.Weights.Set(fc2, masked.Weights[fc2] * mask);
        ShouldAgree(cut, masked);
    });

    [Fact]
    public void Without_attention_a_block_is_the_full_one_with_the_attention_branch_at_zero() => ForEachNet((model, _, block) =>
    {
        using var cut = model.RemoveAttention(block);
        using var zeroed = model.Clone();
        zeroed.Weights[$"blocks.{block}.attn.proj.weight"].Zero();
        zeroed.Weights[$"blocks.{block}.attn.proj.bias"].Zero();
        ShouldAgree(cut, zeroed);
    });

    [Fact]
    public void Without_mlp_a_block_is_the_full_one_with_the_mlp_branch_at_zero() => ForEachNet((model, _, block) =>
    {
        using var cut = model.RemoveMlp(block);
        using var zeroed = model.Clone();
        zeroed.Weights[$"blocks.{block}.mlp.fc2.weight"].Zero();
        zeroed.Weights[$"blocks.{block}.mlp.fc2.bias"].Zero();
        ShouldAgree(cut, zeroed);
    });

    [Fact]
    public void A_dropped_block_passes_its_input_on_as_its_linear_replacement_does() => ForEachNet((model, _, block) =>
    {
        using var dropped = model.DropBlock(block);
        using var linear = model.ReplaceByLinear(block);
        var x = Tensor.RandN([2, model.Architecture.Tokens, model.Architecture.EmbedDim]);
        dropped.Block(block, x).BitEquals(x).ShouldBeTrue();
        Distance(linear.Block(block, x), x).ShouldBe(0);
    });

    [Fact]
    public void An_edit_that_removes_nothing_changes_nothing() => ForEachNet((model, _, block) =>
    {
        int[] all = [.. Enumerable.Range(0, model.Architecture.Blocks[block].MlpHidden)];
        using var same = model.KeepHidden(block, all);
        same.Architecture.Blocks.ShouldBe(model.Architecture.Blocks);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void Kept_tensors_are_bit_equal_and_the_edited_model_stays_as_it_was() => ForEachNet((model, random, block) =>
    {
        using var before = model.Clone();
        var units = RandomEdits.Units(model, block, random);
        using var attentionless = model.RemoveAttention(block);
        using var compressed = attentionless.KeepHidden(block, units);
        model.Weights.Differences(before.Weights).ShouldBeEmpty();
        model.Architecture.ShouldBe(before.Architecture);

        var p = $"blocks.{block}.";
        compressed.Weights.Differences(model.Weights).Except(
            model.Weights.Keys.Where(n => n.StartsWith(p + "attn.") || n.StartsWith(p + "norm1.") || n.StartsWith(p + "mlp.fc"))).ShouldBeEmpty();
        var (all, kept) = (model.Weights, compressed.Weights);
        kept[p + "mlp.fc2.bias"].BitEquals(all[p + "mlp.fc2.bias"]).ShouldBeTrue();
        for (var k = 0; k < units.Length; k++)
        {
            kept[p + "mlp.fc1.weight"].Select(0, k).BitEquals(all[p + "mlp.fc1.weight"].Select(0, units[k])).ShouldBeTrue();
            kept[p + "mlp.fc1.bias"].Select(0, k).BitEquals(all[p + "mlp.fc1.bias"].Select(0, units[k])).ShouldBeTrue();
            kept[p + "mlp.fc2.weight"].Select(1, k).BitEquals(all[p + "mlp.fc2.weight"].Select(1, units[k])).ShouldBeTrue();
        }
    });

    [Fact]
    public void An_edit_shares_no_memory_with_its_source() => ForEachNet((model, _, block) =>
    {
        using var edited = model.SetNormEps(block, 1e-4);
        using var before = model.Clone();
        foreach (var tensor in edited.Weights.Values) tensor.AddInPlace(Tensor.Ones([1]));
        model.Weights.Differences(before.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void Tensors_of_an_edited_model_are_the_expected_ones_in_the_expected_order()
    {
        for (var seed = 0UL; seed < Networks; seed++)
        {
            using var model = RandomEdits.Model(seed);
            var expected = VitTensors.Expected(model.Architecture).ToArray();
            model.Weights.Keys.ShouldBe(expected.Select(t => t.Name));
            foreach (var (name, shape) in expected) model.Weights[name].Shape.ShouldBe([.. shape], name);
        }
    }

    [Fact]
    public void An_edit_leaves_no_tensor_but_those_of_its_model()
    {
        using var model = TestNets.Tiny(1);
        var before = Tensor.LiveCount;
        using (var clone = model.Clone()) Tensor.LiveCount.ShouldBe(before + clone.Weights.Count);
        using (var cut = model.KeepHidden(1, [0, 5])) Tensor.LiveCount.ShouldBe(before + cut.Weights.Count);
        using (var cut = model.ReplaceByLinear(1)) Tensor.LiveCount.ShouldBe(before + cut.Weights.Count);
        Tensor.LiveCount.ShouldBe(before);
    }

    [Theory]
    [InlineData(new int[0], "At least one hidden unit must be kept; use RemoveMlp to drop them all.")]
    [InlineData(new[] { 1, 1 }, "Hidden units must be distinct, ascending and in [0, 256); got 1 at position 1.")]
    [InlineData(new[] { 3, 256 }, "Hidden units must be distinct, ascending and in [0, 256); got 256 at position 1.")]
    [InlineData(new[] { -1 }, "Hidden units must be distinct, ascending and in [0, 256); got -1 at position 0.")]
    public void Impossible_hidden_units_are_refused(int[] units, string message)
    {
        using var model = TestNets.Tiny(1);
        Should.Throw<ArgumentException>(() => model.KeepHidden(0, units)).Message.ShouldBe(message);
    }

    [Fact]
    public void A_new_head_fits_its_classes_and_leaves_the_rest()
    {
        using var model = TestNets.Tiny(1);
        using var other = model.ReplaceHead(3, seed: 1);
        using var again = model.ReplaceHead(3, seed: 1);
        using var third = model.ReplaceHead(3, seed: 2);
        again.Weights.Differences(other.Weights).ShouldBeEmpty();
        third.Weights.Differences(other.Weights).ShouldBe(["head.weight"]);
        other.Answer(TestNets.Pixels(model.Architecture, 2, 1)).Shape.ShouldBe([2, 3]);
        other.Weights.Differences(model.Weights).ShouldBe(["head.weight", "head.bias"]);
    }

    private static void ForEachNet(Action<VitModel, SeededRandom, int> check)
    {
        for (var seed = 0UL; seed < Networks; seed++)
        {
            using var scope = new TensorScope();
            var random = new SeededRandom(seed, "nets");
            var net = TestNets.Net(random);
            if (random.NextBool()) net = TestNets.Narrowed(net, random);
            using var model = TestNets.Model(net, seed);
            check(model, random, random.NextInt(net.Depth));
        }
    }

    private static void ShouldAgree(VitModel cut, VitModel masked)
    {
        var pixels = TestNets.Pixels(cut.Architecture, 3, 5);
        var expected = masked.Answer(pixels);
        Distance(cut.Answer(pixels), expected).ShouldBeLessThan(1e-5 * Math.Max(1, expected.Abs().Max().Item()));
    }
}
