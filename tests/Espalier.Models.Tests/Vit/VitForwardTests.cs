using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>The parts a block's forward pass is made of, in plain loops and put together again, over random networks.</summary>
public class VitForwardTests : TorchTest
{
    private const int Networks = 12;

    [Fact]
    public void The_attention_sees_tokens_normalised_with_the_blocks_own_epsilon() => ForEachNet((model, block, x) =>
    {
        var net = model.Architecture;
        var (weight, bias) = (Values(model, $"blocks.{block}.norm1.weight"), Values(model, $"blocks.{block}.norm1.bias"));
        var eps = net.Blocks[block].NormEps ?? net.LayerNormEps;
        var (input, output) = (x.ToArray<double>().Chunk(net.EmbedDim).ToArray(), model.AttentionInput(block, x).ToArray<double>());
        var expected = input.SelectMany(token =>
        {
            var mean = token.Average();
            var root = Math.Sqrt(token.Average(v => (v - mean) * (v - mean)) + eps);
            return token.Select((v, c) => (v - mean) / root * weight[c] + bias[c]);
        });
        output.ShouldBe(expected, 1e-4);
    });

    [Fact]
    public void Head_outputs_are_values_weighted_by_the_softmax_of_the_scaled_products() => ForEachNet((model, block, x) =>
    {
        var (net, b) = (model.Architecture, model.Architecture.Blocks[block]);
        var (n, d) = (net.Tokens, net.EmbedDim);
        var (rows, biases) = (Values(model, $"blocks.{block}.attn.qkv.weight").Chunk(d).ToArray(), Values(model, $"blocks.{block}.attn.qkv.bias"));
        var scale = b.AttentionScale ?? 1 / Math.Sqrt(b.QkDim);
        var tokens = x.ToArray<double>().Chunk(d).ToArray();
        var output = model.HeadOutputs(block, x);
        output.Shape.ShouldBe([x.Size(0), n, b.Heads * b.VDim]);
        var found = output.ToArray<double>().Chunk(b.Heads * b.VDim).ToArray();
        var (keyRow, valueRow) = (b.Heads * b.QkDim, 2 * b.Heads * b.QkDim);
        for (var image = 0; image < x.Size(0); image++)
            for (var h = 0; h < b.Heads; h++)
                for (var i = 0; i < n; i++)
                {
                    var logits = Enumerable.Range(0, n).Select(j => scale * Enumerable.Range(h * b.QkDim, b.QkDim)
                        .Sum(c => Linear(c, image * n + i) * Linear(keyRow + c, image * n + j))).ToArray();
                    var shares = logits.Select(l => Math.Exp(l - logits.Max())).ToArray();
                    for (var v = 0; v < b.VDim; v++)
                        found[image * n + i][h * b.VDim + v].ShouldBe(
                            Enumerable.Range(0, n).Sum(j => shares[j] * Linear(valueRow + h * b.VDim + v, image * n + j)) / shares.Sum(), 1e-4);
                }

        double Linear(int row, int token) => biases[row] + rows[row].Zip(tokens[token], (a, c) => a * c).Sum();
    }, images: 1, networks: 4);

    [Fact]
    public void A_block_is_its_attention_and_then_its_mlp_each_on_top_of_what_went_in() => ForEachNet((model, block, x) =>
    {
        var half = model.AfterAttention(block, x);
        model.AfterMlp(block, half).BitEquals(model.Block(block, x)).ShouldBeTrue();
        var p = $"blocks.{block}.";
        var attention = model.HeadOutputs(block, model.AttentionInput(block, x))
            .Linear(model.Weights[p + "attn.proj.weight"], model.Weights[p + "attn.proj.bias"]);
        Distance(half, x + attention).ShouldBe(0);
        var mlp = model.MlpHidden(block, half).Linear(model.Weights[p + "mlp.fc2.weight"], model.Weights[p + "mlp.fc2.bias"]);
        Distance(model.AfterMlp(block, half), half + mlp).ShouldBe(0);
    });

    [Fact]
    public void What_is_gone_passes_its_input_on_and_a_hook_sees_the_branch_that_is_left() => ForEachNet((model, block, x) =>
    {
        using var attentionOnly = model.RemoveMlp(block);
        attentionOnly.AfterMlp(block, x).BitEquals(x).ShouldBeTrue();
        using var mlpOnly = model.RemoveAttention(block);
        mlpOnly.AfterAttention(block, x).BitEquals(x).ShouldBeTrue();
        Distance(model.AfterAttention(block, x, Doubled), x + (model.AfterAttention(block, x) - x) * 2).ShouldBeLessThan(1e-4);
        Distance(model.AfterMlp(block, x, Doubled), x + (model.AfterMlp(block, x) - x) * 2).ShouldBeLessThan(1e-4);

        Tensor Doubled(int seen, Tensor branch)
        {
            seen.ShouldBe(block);
            return branch * 2;
        }
    });

    private static double[] Values(VitModel model, string name) => model.Weights[name].ToArray<double>();

    private static void ForEachNet(Action<VitModel, int, Tensor> check, int images = 2, int networks = Networks)
    {
        for (var seed = 0UL; seed < (ulong)networks; seed++)
        {
            using var scope = new TensorScope();
            var random = new SeededRandom(seed, "forward nets");
            using var model = TestNets.Model(TestNets.Narrowed(TestNets.Net(random), random), seed);
            check(model, random.NextInt(model.Architecture.Depth), Tensor.RandN([images, model.Architecture.Tokens, model.Architecture.EmbedDim]));
        }
    }
}
