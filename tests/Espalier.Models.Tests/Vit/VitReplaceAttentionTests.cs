using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What it promises to give a block an attention of other widths, over random networks.</summary>
public class VitReplaceAttentionTests : TorchTest
{
    private const int Networks = 20;

    [Fact]
    public void An_attention_replaced_by_itself_is_the_same() => ForEachNet((model, block) =>
    {
        var (b, rows) = (model.Architecture.Blocks[block], Rows(model, block));
        using var same = model.ReplaceAttention(block, b.Heads, b.QkDim, b.VDim, rows, Projection(model, block));
        same.Architecture.Blocks.ShouldBe(model.Architecture.Blocks);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void Query_and_key_dimensions_of_zeros_change_nothing_since_the_scale_stays() => ForEachNet((model, block) =>
    {
        var b = model.Architecture.Blocks[block];
        const int Added = 2;
        using var wider = model.ReplaceAttention(block, b.Heads, b.QkDim + Added, b.VDim,
            (Padded(Rows(model, block).Weight), Padded(Rows(model, block).Bias)), Projection(model, block));
        wider.Architecture.Blocks[block].ShouldBe(b with { QkDim = b.QkDim + Added, AttentionScale = b.AttentionScale ?? 1 / Math.Sqrt(b.QkDim) });
        ShouldAgree(wider, model);
        // Back again: the scale is written down by now, and is the number it was.
        using var back = wider.ReplaceAttention(block, b.Heads, b.QkDim, b.VDim, Rows(model, block), Projection(model, block));
        ShouldAgree(back, model);

        Tensor Padded(Tensor rows)
        {
            var parts = rows.Split([b.Heads * b.QkDim, b.Heads * b.QkDim, b.Heads * b.VDim], 0);
            return Tensor.Cat([Head(parts[0]), Head(parts[1]), parts[2]], 0);
        }

        Tensor Head(Tensor rows) => Tensor.Cat([.. Enumerable.Range(0, b.Heads).SelectMany(h => (Tensor[])
            [rows.Narrow(0, h * b.QkDim, b.QkDim), Tensor.Zeros([Added, .. rows.Shape[1..]])])], 0);
    });

    [Fact]
    public void Heads_in_another_order_compute_the_same_and_one_whose_projection_is_zero_can_go() => ForEachNet((model, block) =>
    {
        var b = model.Architecture.Blocks[block];
        int[] order = [.. Enumerable.Range(0, b.Heads).Reverse()];
        using var turned = Chosen(model, block, order);
        ShouldAgree(turned, model);
        if (b.Heads == 1) return;
        using var silent = model.Clone();
        silent.Weights[$"blocks.{block}.attn.proj.weight"].Narrow(1, 0, b.VDim).Zero();
        using var without = Chosen(silent, block, [.. Enumerable.Range(1, b.Heads - 1)]);
        without.Architecture.Blocks[block].ShouldBe(b with { Heads = b.Heads - 1 });
        ShouldAgree(without, silent);
    });

    [Fact]
    public void Only_the_attention_changes_and_no_memory_is_shared() => ForEachNet((model, block) =>
    {
        var (rows, projection) = (Rows(model, block), Projection(model, block));
        var b = model.Architecture.Blocks[block];
        using var before = model.Clone();
        var leftOver = Tensor.LiveCount;
        using (var replaced = model.ReplaceAttention(block, b.Heads, b.QkDim, b.VDim, rows, projection))
        {
            Tensor.LiveCount.ShouldBe(leftOver + replaced.Weights.Count);
            foreach (var name in replaced.BlockTensors(block).Where(n => n.Contains(".attn."))) replaced.Weights[name].Zero();
            replaced.Weights.Differences(model.Weights).ShouldAllBe(n => n.StartsWith($"blocks.{block}.attn."));
        }
        model.Weights.Differences(before.Weights).ShouldBeEmpty();
        (rows.Weight.Describe(), projection.Bias.Describe()).ShouldNotBe(("disposed", "disposed"));
    });

    // The attention of some of a block's heads, in an order.
    private static VitModel Chosen(VitModel model, int block, int[] heads)
    {
        var b = model.Architecture.Blocks[block];
        var (rows, projection) = (Rows(model, block), Projection(model, block));
        int[] chosen =
        [
            .. heads.SelectMany(h => Enumerable.Range(h * b.QkDim, b.QkDim)),
            .. heads.SelectMany(h => Enumerable.Range((b.Heads + h) * b.QkDim, b.QkDim)),
            .. heads.SelectMany(h => Enumerable.Range(2 * b.Heads * b.QkDim + h * b.VDim, b.VDim)),
        ];
        int[] columns = [.. heads.SelectMany(h => Enumerable.Range(h * b.VDim, b.VDim))];
        return model.ReplaceAttention(block, heads.Length, b.QkDim, b.VDim,
            (rows.Weight.IndexSelect(0, chosen), rows.Bias.IndexSelect(0, chosen)),
            (projection.Weight.IndexSelect(1, columns), projection.Bias));
    }

    private static (Tensor Weight, Tensor Bias) Rows(VitModel model, int block) => Layer(model, $"blocks.{block}.attn.qkv.");

    private static (Tensor Weight, Tensor Bias) Projection(VitModel model, int block) => Layer(model, $"blocks.{block}.attn.proj.");

    private static (Tensor Weight, Tensor Bias) Layer(VitModel model, string prefix) => (model.Weights[prefix + "weight"], model.Weights[prefix + "bias"]);

    private static void ShouldAgree(VitModel a, VitModel b)
    {
        var pixels = TestNets.Pixels(a.Architecture, 2, 3);
        var expected = b.Answer(pixels);
        Distance(a.Answer(pixels), expected).ShouldBeLessThan(1e-5 * Math.Max(1, expected.Abs().Max().Item()));
    }

    private static void ForEachNet(Action<VitModel, int> check)
    {
        for (var seed = 0UL; seed < Networks; seed++)
        {
            using var scope = new TensorScope();
            var random = new SeededRandom(seed, "replaced attention");
            var net = TestNets.Net(random);
            if (random.NextBool()) net = TestNets.Narrowed(net, random);
            using var model = TestNets.Model(net, seed);
            check(model, random.NextInt(net.Depth));
        }
    }
}
