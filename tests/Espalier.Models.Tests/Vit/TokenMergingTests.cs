using Espalier.Models.Formats;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What merging tokens promises, over random networks.</summary>
public class TokenMergingTests : TorchTest
{
    [Fact]
    public void Nothing_is_lost_every_token_is_the_mean_of_those_it_stands_for()
    {
        var random = new SeededRandom(3);
        for (var round = 0; round < 30; round++)
        {
            TorchRuntime.Seed((ulong)round);
            var prefix = random.NextInt(0, 3);
            var n = random.NextInt(4, 30);
            var x = Tensor.RandN([2, n, 5]);
            Tensor? sizes = round % 2 == 0 ? null : Tensor.From<float>([.. Enumerable.Range(0, 2 * n).Select(_ => (float)random.NextInt(1, 5))], [2, n, 1]);
            var count = random.NextInt(1, TokenMerging.Most(n, prefix));
            var (merged, after) = TokenMerging.Merge(x, sizes, Tensor.RandN([2, 3, 4, n]), prefix, count);
            merged.Shape.ShouldBe([2, n - count, 5]);
            var before = sizes ?? Tensor.Ones([2, n, 1]);
            Distance(after.Sum([1]), before.Sum([1])).ShouldBeLessThan(1e-5);
            Distance((merged * after).Sum([1]), (x * before).Sum([1])).ShouldBeLessThan(1e-4);
            if (prefix > 0) Distance(merged.Narrow(1, 0, prefix), x.Narrow(1, 0, prefix)).ShouldBeLessThan(1e-6, "prefix tokens stay apart");
        }
    }

    [Fact]
    public void The_likest_keys_are_merged_and_the_order_is_kept()
    {
        // Patches 0, 2, 4 look among 1, 3, 5: 2 is like 5, 4 is a little like 1, 0 is like none.
        float[][] keys = [[9, 9, 9], [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, -1, 0], [0, 0.5f, 1], [1, 0, 0.01f]];
        var k = Tensor.Stack([.. keys.Select(v => Vector(v))]).Transpose(0, 1).Reshape(1, 1, 3, 7);
        var x = Range(7).Reshape(1, 7, 1);
        var (two, sizes) = TokenMerging.Merge(x, null, k, 1, 2);
        // class, source 1 (patch 0), targets 2, 4, 6, into which 3 went to 6 and 5 to 2.
        two.ToArray<float>().ShouldBe([0, 1, 3.5f, 4, 4.5f]);
        sizes.ToArray<float>().ShouldBe([1, 1, 2, 1, 2]);
        var (three, sums) = TokenMerging.Merge(two, sizes, Tensor.Ones([1, 1, 3, 5]), 1, 1);
        three.Size(1).ShouldBe(4);
        sums.Sum().Item().ShouldBe(7);
    }

    // Tokens that are the same see the same, and are attended to twice: merged, with their count, they change nothing.
    [Fact]
    public void Merging_equal_tokens_changes_no_answer()
    {
        for (var seed = 0UL; seed < 12; seed++)
        {
            var net = TestNets.Net(new SeededRandom(seed)) with { ImageSize = 24, PatchSize = 4 };
            using var model = TestNets.Model(net, seed);
            var pairs = (net.Tokens - 1) / 2;
            TorchRuntime.Seed(seed);
            var half = Tensor.RandN([2, pairs, net.EmbedDim]);
            var x = Tensor.Cat([Tensor.RandN([2, 1, net.EmbedDim]), Tensor.Stack([half, half], 2).Reshape(2, 2 * pairs, net.EmbedDim)], 1);
            using var merging = model.MergeTokens(net with { Blocks = net.Blocks.SetItem(0, net.Blocks[0] with { TokensMerged = pairs }) });
            var expected = model.Head(model.Norm(model.Blocks(x, 0, net.Depth)));
            var tokens = merging.Blocks(x, 0, net.Depth);
            tokens.Size(1).ShouldBe(1 + pairs);
            Distance(merging.Head(merging.Norm(tokens)), expected).ShouldBeLessThan(1e-4 * Math.Max(1, expected.Abs().Max().Item()), $"network {seed}");
        }
    }

    [Fact]
    public void Later_blocks_cost_what_fewer_tokens_cost()
    {
        var net = TestNets.TinyNet; // 17 tokens
        var merging = With(net, (1, 5), (3, 2));
        merging.TokensInto(1).ShouldBe(17);
        merging.TokensInto(2).ShouldBe(12);
        merging.TokensInto(net.Depth).ShouldBe(10);
        var (blocks, d) = (VitCost.OfBlocks(merging), net.EmbedDim);
        blocks[0].ShouldBe(VitCost.Of(net.Blocks[0], d, 17));
        blocks[2].ShouldBe(VitCost.Of(net.Blocks[2], d, 12));
        blocks[1].ShouldBe(VitCost.Attention(net.Blocks[1], d, 17) + VitCost.Matching(merging.Blocks[1], 16) + VitCost.Mlp(net.Blocks[1], d, 12));
        VitCost.Matching(merging.Blocks[1], 16).ShouldBe(new Cost(0, 0, 8 * 8 * net.Blocks[1].QkDim));
        VitCost.Of(merging).Parameters.ShouldBe(VitCost.Of(net).Parameters);
    }

    [Theory]
    [InlineData("block 2 merges 9 of 17 tokens; it can merge 0 to 8", 2, 9)]
    [InlineData("block 4 merges 6 of 11 tokens", 3, 6, 4, 6)]
    public void Too_much_merging_is_refused_in_memory_and_on_disk(string message, params int[] pairs)
    {
        var net = With(TestNets.TinyNet, [.. pairs.Chunk(2).Select(p => (p[0], p[1]))]);
        using var model = TestNets.Tiny(1);
        Should.Throw<ArgumentException>(() => model.MergeTokens(net)).Message.ShouldContain(message);
        using var folder = new TemporaryFolder();
        using var wrong = new VitModel(net, model.Preprocessing, model.Weights.Clone());
        Should.Throw<InputException>(() => ModelFolder.Write(folder.Path, wrong)).Message.ShouldContain(message);
        File.Exists(Path.Combine(folder.Path, ModelFolder.WeightsFile)).ShouldBeFalse("no weights are left that no model can be made of");
    }

    [Fact]
    public void A_block_without_attention_merges_nothing_and_a_mixer_wants_all_tokens()
    {
        var net = TestNets.TinyNet;
        With(net with { Blocks = net.Blocks.SetItem(2, new VitBlock { MlpHidden = 8 }) }, (2, 1)).CheckMerging().ShouldNotBeNull().ShouldContain("no attention");
        With(net with { Blocks = net.Blocks.SetItem(2, new VitBlock { MlpHidden = 8, MixerRank = 1 }) }, (1, 1)).CheckMerging().ShouldNotBeNull().ShouldContain("token mixer");
        With(net, (2, -1)).CheckMerging().ShouldNotBeNull().ShouldContain("block 2 merges -1");
        With(net, (1, 8), (2, 4), (3, 2)).CheckMerging().ShouldBeNull();
        using var model = TestNets.Model(With(net, (2, 4)), 1);
        using var without = model.RemoveAttention(2);
        without.Architecture.MergesTokens.ShouldBeFalse();
    }

    [Fact]
    public void Gradients_pass_through_merged_tokens()
    {
        var net = With(TestNets.TinyNet, (1, 5), (3, 4));
        using var model = TestNets.Model(net, 7);
        foreach (var tensor in model.Weights.Values) tensor.RequiresGrad = true;
        var logits = model.Logits(TestNets.Pixels(net, 2, 7));
        var gradients = Autograd.Gradients((logits * logits).Mean(), [.. model.Weights.Values]);
        gradients.ShouldAllBe(g => g != null && g.AllFinite() && g.Abs().Max().Item() > 0);
    }

    internal static VitArchitecture With(VitArchitecture net, params (int Block, int Count)[] merging) => merging.Aggregate(net,
        (n, m) => n with { Blocks = n.Blocks.SetItem(m.Block, n.Blocks[m.Block] with { TokensMerged = m.Count }) });
}
