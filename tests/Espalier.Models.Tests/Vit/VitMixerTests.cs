using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What a token mixer promises, over random networks and ranks.</summary>
public class VitMixerTests : TorchTest
{
    private const int Networks = 20;

    [Fact]
    public void A_fresh_mixer_changes_no_logit()
    {
        for (var seed = 0UL; seed < Networks; seed++)
        {
            using var model = WithoutAttention(seed, out var block, out var random);
            using var mixed = model.AddMixer(block, random.NextInt(0, 5), seed);
            var pixels = TestNets.Pixels(model.Architecture, 2, seed);
            mixed.Answer(pixels).BitEquals(model.Answer(pixels)).ShouldBeTrue($"network {seed}");
            mixed.Architecture.Blocks[block].Kind.ShouldBe(BlockKind.FfnOnly);
        }
    }

    [Fact]
    public void Every_tensor_of_a_fresh_mixer_learns_within_two_steps()
    {
        using var model = WithoutAttention(1, out var block, out _);
        using var mixed = model.AddMixer(block, 2);
        string[] names = [.. mixed.BlockTensors(block).Where(n => n.Contains(".mixer."))];
        var tensors = names.Select(n => mixed.Weights[n]).ToArray();
        using var before = mixed.Weights.Clone();
        foreach (var tensor in tensors) tensor.RequiresGrad = true;
        var pixels = TestNets.Pixels(model.Architecture, 2, 1);
        for (var step = 0; step < 2; step++)
        {
            var gradients = Autograd.Gradients((mixed.Logits(pixels) * mixed.Logits(pixels)).Mean(), tensors);
            using var noGrad = new NoGrad();
            for (var i = 0; i < tensors.Length; i++) tensors[i].AddInPlace(gradients[i]!, -0.1);
        }
        mixed.Weights.Differences(before).ShouldBe(names);
    }

    [Fact]
    public void Every_token_gets_the_bias_of_its_position_and_the_same_map_of_the_mean_token() => ForEachMixer((model, block, random) =>
    {
        var (net, p) = (model.Architecture, $"blocks.{block}.mixer.");
        var (n, d, r) = (net.Tokens, net.EmbedDim, net.Blocks[block].MixerRank!.Value);
        var x = Tensor.RandN([2, n, d]);
        var (input, output, bias) = (x.ToArray<float>(), model.AfterAttention(block, x).ToArray<float>(), model.Weights[p + "bias"].ToArray<float>());
        float[] down = r == 0 ? [] : model.Weights[p + "down.weight"].ToArray<float>(), up = r == 0 ? [] : model.Weights[p + "up.weight"].ToArray<float>();
        for (var image = 0; image < 2; image++)
        {
            var mean = new double[d];
            for (var t = 0; t < n; t++)
                for (var c = 0; c < d; c++) mean[c] += input[(image * n + t) * d + c] / (double)n;
            var inner = Enumerable.Range(0, r).Select(k => Enumerable.Range(0, d).Sum(c => down[k * d + c] * mean[c])).ToArray();
            for (var t = 0; t < n; t++)
                for (var c = 0; c < d; c++)
                {
                    var expected = input[(image * n + t) * d + c] + bias[t * d + c] + Enumerable.Range(0, r).Sum(k => up[c * r + k] * inner[k]);
                    ((double)output[(image * n + t) * d + c]).ShouldBe(expected, 1e-5);
                }
        }
    });

    [Fact]
    public void Images_do_not_mix() => ForEachMixer((model, block, _) =>
    {
        var x = Tensor.RandN([3, model.Architecture.Tokens, model.Architecture.EmbedDim]);
        var together = model.Block(block, x);
        for (var i = 0; i < 3; i++) Distance(model.Block(block, x.Narrow(0, i, 1)), together.Narrow(0, i, 1)).ShouldBeLessThan(1e-5);
    });

    [Fact]
    public void Hooks_see_the_mlp_and_not_the_mixer() => ForEachMixer((model, block, _) =>
    {
        var x = Tensor.RandN([1, model.Architecture.Tokens, model.Architecture.EmbedDim]);
        var seen = new List<int>();
        var silenced = model.Block(block, x, (i, branch) =>
        {
            seen.Add(i);
            return branch * 0.0;
        });
        seen.ShouldBe([block]);
        silenced.BitEquals(model.AfterAttention(block, x)).ShouldBeTrue();
    });

    [Fact]
    public void An_edit_of_the_mlp_keeps_the_mixer_and_one_of_the_block_drops_it() => ForEachMixer((model, block, random) =>
    {
        var rank = model.Architecture.Blocks[block].MixerRank;
        using var cut = model.KeepHidden(block, RandomEdits.Units(model, block, random));
        cut.Architecture.Blocks[block].MixerRank.ShouldBe(rank);
        cut.Weights.Differences(model.Weights).ShouldAllBe(n => n.StartsWith($"blocks.{block}.mlp."));
        using var same = model.RemoveAttention(block);
        same.Architecture.Blocks.ShouldBe(model.Architecture.Blocks);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
        using var dropped = model.DropBlock(block);
        dropped.Architecture.Blocks[block].ShouldBe(new VitBlock());
        dropped.BlockTensors(block).ShouldBeEmpty();
    });

    [Fact]
    public void Adding_one_touches_no_other_tensor_and_no_other_generator()
    {
        using var model = WithoutAttention(2, out var block, out _);
        TorchRuntime.Seed(5);
        var expected = Tensor.RandN([4]);
        TorchRuntime.Seed(5);
        using var mixed = model.AddMixer(block, 2, seed: 1);
        Tensor.RandN([4]).BitEquals(expected).ShouldBeTrue();
        using var again = model.AddMixer(block, 2, seed: 1);
        using var other = model.AddMixer(block, 2, seed: 2);
        var p = $"blocks.{block}.mixer.";
        mixed.Weights.Differences(model.Weights).ShouldBe([p + "bias", p + "down.weight", p + "up.weight"]);
        again.Weights.Differences(mixed.Weights).ShouldBeEmpty();
        other.Weights.Differences(mixed.Weights).ShouldBe([p + "down.weight"]);
    }

    [Fact]
    public void Mixers_where_none_may_stand_are_refused()
    {
        using var model = TestNets.Tiny(1);
        Refused(model, 0, "Block 0 is full; a token mixer needs a block whose attention is gone and whose MLP is not (ffn_only).");
        using var attentionOnly = model.RemoveMlp(1);
        Refused(attentionOnly, 1, "Block 1 is attn_only; a token mixer needs a block whose attention is gone and whose MLP is not (ffn_only).");
        using var linear = model.ReplaceByLinear(2);
        Refused(linear, 2, "Block 2 is linear; a token mixer needs a block whose attention is gone and whose MLP is not (ffn_only).");
        using var dropped = model.DropBlock(3);
        Refused(dropped, 3, "Block 3 is dropped; a token mixer needs a block whose attention is gone and whose MLP is not (ffn_only).");

        using var without = model.RemoveAttention(4);
        Should.Throw<ArgumentOutOfRangeException>(() => without.AddMixer(4, -1));
        using var mixed = without.AddMixer(4, 0);
        Refused(mixed, 4, "Block 4 has a token mixer already.");
        Should.Throw<ArgumentException>(() => mixed.RemoveMlp(4)).Message
            .ShouldBe("Block 4 has a token mixer, which needs the MLP; use DropBlock to drop both.");

        static void Refused(VitModel model, int block, string message) =>
            Should.Throw<ArgumentException>(() => model.AddMixer(block, 1)).Message.ShouldBe(message);
    }

    /// <summary>A random network one of whose blocks has lost its attention.</summary>
    private static VitModel WithoutAttention(ulong seed, out int block, out SeededRandom random)
    {
        random = new SeededRandom(seed, "mixers");
        using var dense = TestNets.Model(TestNets.Net(random), seed);
        block = random.NextInt(dense.Architecture.Depth);
        return dense.RemoveAttention(block);
    }

    /// <summary>Networks whose given block has a mixer of noise, of a rank from 0 to 5.</summary>
    private static void ForEachMixer(Action<VitModel, int, SeededRandom> check)
    {
        for (var seed = 0UL; seed < Networks; seed++)
        {
            using var scope = new TensorScope();
            using var without = WithoutAttention(seed, out var block, out var random);
            using var model = RandomEdits.Mix(without, block, random);
            check(model, block, random);
        }
    }
}
