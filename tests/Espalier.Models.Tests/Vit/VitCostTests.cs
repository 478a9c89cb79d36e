using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>The integers of the DC-ViT specification, §12.</summary>
public class VitCostTests
{
    [Theory]
    [InlineData("vit_tiny_patch16_224", 1_078_633_728, 29_200_128, 58_097_664, 87_449_088, "1.253683", 5_717_416, 5_679_400)]
    [InlineData("vit_small_patch16_224", 4_248_783_360, 116_497_920, 232_390_656, 349_191_168, "4.598882", 22_050_664, 21_974_632)]
    [InlineData("vit_base_patch16_224", 16_863_630_336, 465_386_496, 929_562_624, 1_395_554_304, "17.563828", 86_567_656, 86_415_592)]
    [InlineData("vit_large_patch16_224", 59_686_711_296, 827_084_800, 1_652_555_776, 2_480_447_488, "61.554713", 304_326_632, 304_123_880)]
    [InlineData("deit_base_patch16_224", 16_863_630_336, 465_386_496, 929_562_624, 1_395_554_304, "17.563828", 86_567_656, 86_415_592)]
    [InlineData("tiny-test-vit", 5_267_328, 282_880, 557_056, 844_288, "0.005433", 314_186, 313_034)]
    public void Dense_networks_cost_what_the_paper_counts(string name, long total, long attention, long mlp, long block, string fullG, long parameters, long counted)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        var cost = VitCost.Of(net);
        var norm = 4L * net.Tokens * net.EmbedDim;
        cost.MacsBudget.ShouldBe(total);
        VitCost.Attention(net.Blocks[0], net.EmbedDim, net.Tokens).MacsBudget.ShouldBe(attention);
        (VitCost.Mlp(net.Blocks[0], net.EmbedDim, net.Tokens).MacsBudget - norm).ShouldBe(mlp);
        VitCost.OfBlocks(net)[0].MacsBudget.ShouldBe(block);
        (cost.MacsFull / 1e9).ToString("F6").ShouldBe(fullG);
        cost.Parameters.ShouldBe(parameters);
        VitCost.CounterParameters(net).ShouldBe(counted);
    }

    [Fact]
    public void The_bundled_model_costs_what_it_says() =>
        VitCost.Of(VitRegistry.Find("fashion-vit")!.Architecture).ShouldBe(new Cost(1_596_426, 79_180_032, 83_864_832));

    [Fact]
    public void Every_parameter_is_in_some_tensor()
    {
        foreach (var net in VitRegistry.Names.Select(n => VitRegistry.Find(n)!.Architecture).Append(Compressed.Net).Append(Compressed.Mixed))
            VitCost.Of(net).Parameters.ShouldBe(VitTensors.Expected(net).Sum(t => t.Shape.Aggregate(1L, (a, b) => a * b)), net.Name);
    }

    [Fact]
    public void What_a_block_lost_costs_nothing()
    {
        var (net, costs) = (Compressed.Net, VitCost.OfBlocks(Compressed.Net));
        const long N = 17, D = 64, Norm = 4 * N * D;
        costs[0].ShouldBe(VitCost.OfBlocks(VitRegistry.Find("tiny-test-vit")!.Architecture)[0]);
        costs[1].ShouldBe(new Cost(2 * D + 100 * (2 * D + 1) + D, Norm + 2 * N * D * 100, 2 * N * D * 100));
        // 3 heads, 8 dims for queries and keys, 12 for values.
        const long Weights = 3 * (8 + 8 + 12) * D + 3 * 12 * D;
        costs[2].ShouldBe(new Cost(2 * D + Weights + 84 + D, Norm + N * Weights, N * Weights + N * N * 3 * (8 + 12)));
        costs[3].ShouldBe(new Cost(D * D + D, N * D * D, N * D * D));
        costs[4].ShouldBe(default);
        VitCost.Of(net).ShouldBe(costs.Aggregate((a, b) => a + b) + VitCost.Of(net with { Blocks = [] }));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64)]
    public void A_mixer_costs_its_biases_and_two_matrices_on_one_vector(int rank)
    {
        const int N = 17, D = 64;
        var block = new VitBlock { MlpHidden = 100 };
        var mixed = VitCost.Of(block with { MixerRank = rank }, D, N) - VitCost.Of(block, D, N);
        mixed.ShouldBe(new Cost(N * D + 2 * rank * D, 2 * rank * D, 2 * rank * D));
        VitCost.Mixer(block with { MixerRank = rank }, D, N).ShouldBe(mixed);
        VitCost.Mixer(block, D, N).ShouldBe(default);
    }
}
