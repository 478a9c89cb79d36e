using Espalier.Models.Cnn;
using Espalier.Torch;

namespace Espalier.Models.Tests.Cnn;

/// <summary>Parameters and MACs against published integers, and against counts made from the shapes of tensors and maps alone.</summary>
public class CnnCostTests : TorchTest
{
    [Theory]
    [InlineData("resnet18", 11_689_512, 1_814_073_344)]
    [InlineData("resnet34", 21_797_672, 3_663_761_408)]
    [InlineData("resnet50", 25_557_032, 4_089_184_256)]
    [InlineData("mobilenetv2_100", 3_504_872, 300_774_272)]
    public void Published_integers(string name, long parameters, long macs)
    {
        var cost = ModelRegistry.Find(name)!.Architecture.Cost();
        (cost.Parameters, cost.MacsFull).ShouldBe((parameters, macs));
    }

    [Theory]
    [InlineData("resnet34", 231_211_008, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15)]
    [InlineData("resnet50", 218_365_952, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15)]
    [InlineData("mobilenetv2_100", 25_740_288, 2)]
    [InlineData("mobilenetv2_100", 10_988_544, 4, 5)]
    [InlineData("mobilenetv2_100", 10_311_168, 7, 8, 9)]
    [InlineData("mobilenetv2_100", 22_692_096, 11, 12)]
    [InlineData("mobilenetv2_100", 15_476_160, 14, 15)]
    public void Blocks_that_can_go_and_what_each_saves(string name, long macs, params int[] blocks)
    {
        var net = (CnnArchitecture)ModelRegistry.Find(name)!.Architecture;
        foreach (var block in blocks)
        {
            net.Removable.ShouldContain(block);
            var without = net with { Blocks = net.Blocks.SetItem(block, net.Blocks[block].Drop()) };
            (net.Cost().MacsFull - without.Cost().MacsFull).ShouldBe(macs, $"block {block}");
        }
    }

    [Fact]
    public void No_other_blocks_can_go()
    {
        int[] Going(string name) => [.. ((CnnArchitecture)ModelRegistry.Find(name)!.Architecture).Removable];
        Going("mobilenetv2_100").ShouldBe([2, 4, 5, 7, 8, 9, 11, 12, 14, 15]);
        Going("resnet50").ShouldBe([1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 14, 15]);
        Going("resnet18").ShouldBe([1, 3, 5, 7]);
    }

    [Theory]
    [MemberData(nameof(CnnNets.All), MemberType = typeof(CnnNets))]
    public void Counts_agree_with_the_tensors_and_the_maps_that_are_really_there(string name)
    {
        using var model = CnnNets.Model(name);
        var (parameters, linear, norms) = (0L, 0L, 0L);
        foreach (var (tensor, value) in model.Parameters)
        {
            parameters += value.Count;
            if (value.Shape.Length == 2) linear += value.Count;
        }
        using (new NoGrad())
            CnnForward.Features(model, TestNets.Pixels(model.Architecture, 1, 1), new CnnPass
            {
                // What a convolution makes is what its norm is given.
                OnNorm = (layer, map) => (linear, norms) =
                    (linear + map.Size(2) * map.Size(3) * model.Weights[layer.Conv + ".weight"].Count, norms + 4 * map.Count),
            });
        model.Architecture.Cost().ShouldBe(new Cost(parameters, linear + norms, linear));
    }
}
