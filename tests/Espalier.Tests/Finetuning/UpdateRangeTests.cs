using Espalier.DcVit;
using Espalier.Finetuning;
using Espalier.Models.Vit;

namespace Espalier.Tests.Finetuning;

/// <summary>Which tensors move, for the tiny net with blocks 1 and 3 compressed.</summary>
public class UpdateRangeTests : TorchTest
{
    private static readonly int[] s_compressed = [1, 3];

    private static readonly string[] s_embedding = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"];

    [Theory]
    [InlineData(new[] { 1 }, 12, null, 2)]
    [InlineData(new[] { 4, 2 }, 12, null, 5)]
    [InlineData(new[] { 2, 10 }, 12, null, 11)]
    [InlineData(new[] { 10, 2 }, 24, null, 11)]
    [InlineData(new[] { 22 }, 24, null, 23)]
    [InlineData(new[] { 23 }, 24, null, 23)]
    [InlineData(new[] { 20 }, 24, 11, 11)]
    [InlineData(new[] { 4 }, 6, 11, 5)]
    public void The_last_block_that_moves_follows_the_last_compressed_one(int[] compressed, int depth, int? cap, int last) =>
        UpdateRanges.LastBlock(compressed, depth, cap).ShouldBe(last);

    [Fact]
    public void Before_moves_everything_up_to_the_block_after_the_last_compressed_one()
    {
        Names(UpdateRange.Before).ShouldBe([.. s_embedding, .. Blocks(0, 4), "norm.weight", "norm.bias"]);
        Names(UpdateRange.Before, trainNorm: false).ShouldBe([.. s_embedding, .. Blocks(0, 4)]);
    }

    [Fact]
    public void All_moves_everything_but_the_head() =>
        Names(UpdateRange.All).ShouldBe([.. s_embedding, .. Blocks(0, 5), "norm.weight", "norm.bias"]);

    [Fact]
    public void Inter_moves_two_blocks_on_either_side_and_the_embeddings()
    {
        using var model = Student(3);
        UpdateRanges.Names(model, UpdateRange.Inter, [3], 4, true, 5)
            .ShouldBe([.. s_embedding, .. model.Weights.Keys.Where(n => n.StartsWith("blocks.") && n[7] is >= '1' and <= '5'), "norm.weight", "norm.bias"]);
        UpdateRanges.Names(model, UpdateRange.Inter, [1], 2, true, 5).ShouldNotContain(n => n.StartsWith("blocks.4"));
    }

    [Fact]
    public void Layer_norms_of_blocks_can_move_alone() => Names(UpdateRange.LayerNorms).ShouldBe(
    [
        "blocks.0.norm1.weight", "blocks.0.norm1.bias", "blocks.0.norm2.weight", "blocks.0.norm2.bias",
        "blocks.1.norm2.weight", "blocks.1.norm2.bias",
        "blocks.2.norm1.weight", "blocks.2.norm1.bias", "blocks.2.norm2.weight", "blocks.2.norm2.bias",
        "blocks.3.norm2.weight", "blocks.3.norm2.bias",
        "blocks.4.norm1.weight", "blocks.4.norm1.bias", "blocks.4.norm2.weight", "blocks.4.norm2.bias",
        "blocks.5.norm1.weight", "blocks.5.norm1.bias", "blocks.5.norm2.weight", "blocks.5.norm2.bias",
    ]);

    [Fact]
    public void Mlp_biases_can_move_alone() => Names(UpdateRange.MlpBiases).ShouldBe(
        Enumerable.Range(0, 6).SelectMany(i => new[] { $"blocks.{i}.mlp.fc1.bias", $"blocks.{i}.mlp.fc2.bias" }));

    [Fact]
    public void Attentions_can_move_alone() => Names(UpdateRange.Attention).ShouldBe(new[] { 0, 2, 4, 5 }.SelectMany(i => new[]
    {
        $"blocks.{i}.attn.qkv.weight", $"blocks.{i}.attn.qkv.bias", $"blocks.{i}.attn.proj.weight", $"blocks.{i}.attn.proj.bias",
    }));

    [Fact]
    public void Blocks_the_loss_does_not_reach_stay()
    {
        Names(UpdateRange.All, trainNorm: false, reach: 3).ShouldBe([.. s_embedding, .. Blocks(0, 3)]);
        Names(UpdateRange.Attention, reach: 2).ShouldAllBe(n => n.StartsWith("blocks.0.") || n.StartsWith("blocks.2."));
    }

    private static IEnumerable<string> Blocks(int first, int last)
    {
        using var model = Student(s_compressed);
        return [.. Enumerable.Range(first, last - first + 1).SelectMany(i => model.BlockTensors(i))];
    }

    private static IReadOnlyList<string> Names(UpdateRange range, bool trainNorm = true, int reach = 5)
    {
        using var model = Student(s_compressed);
        return UpdateRanges.Names(model, range, s_compressed, UpdateRanges.LastBlock(s_compressed, 6), trainNorm, reach);
    }

    private static VitModel Student(params int[] blocks)
    {
        var net = TestNets.TinyNet;
        foreach (var block in blocks) net = net with { Blocks = net.Blocks.SetItem(block, new VitBlock { MlpHidden = 20 }) };
        return TestNets.Model(net, 1);
    }
}
