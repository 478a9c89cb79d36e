using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

public class VitRegistryTests
{
    [Fact]
    public void Tags_of_the_same_preprocessing_resolve_and_others_do_not()
    {
        VitRegistry.Find("vit_tiny_patch16_224.augreg_in21k_ft_in1k").ShouldBe(VitRegistry.Find("vit_tiny_patch16_224"));
        VitRegistry.Find("vit_tiny_patch16_224.augreg_in21k").ShouldBeNull();
        VitRegistry.Find("vit_giant").ShouldBeNull();
    }

    [Theory]
    [InlineData("vit_base_patch16_224", 248, 0.5, 0.5)]
    [InlineData("vit_base_patch16_384", 384, 0.5, 0.5)]
    [InlineData("deit_tiny_patch16_224", 248, 0.485, 0.229)]
    [InlineData("fashion-vit", 28, 0.2860, 0.3530)]
    public void Preprocessing_is_the_published_one(string name, int resize, double mean, double std)
    {
        var (net, preprocessing) = VitRegistry.Find(name)!;
        (preprocessing.Resize, preprocessing.Mean[0], preprocessing.Std[0]).ShouldBe((resize, mean, std));
        (preprocessing.Size, preprocessing.Mean.Length, preprocessing.Std.Length).ShouldBe((net.ImageSize, net.Channels, net.Channels));
    }
}
