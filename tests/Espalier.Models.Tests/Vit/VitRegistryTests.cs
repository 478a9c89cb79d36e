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
    [InlineData("deit_base_distilled_patch16_384", 384, 0.485, 0.229)]
    [InlineData("deit3_small_patch16_224.fb_in22k_ft_in1k", 224, 0.485, 0.229)]
    [InlineData("deit3_small_patch16_224", 248, 0.485, 0.229)]
    [InlineData("vit_base_patch14_dinov2.lvd142m", 518, 0.485, 0.229)]
    [InlineData("vit_base_patch16_224.mae", 248, 0.485, 0.229)]
    [InlineData("vit_medium_patch16_gap_256.sw_in12k_ft_in1k", 269, 0.5, 0.5)]
    [InlineData("vit_base_patch32_clip_224.openai_ft_in1k", 248, 0.48145466, 0.26862954)]
    public void Preprocessing_is_the_published_one(string name, int resize, double mean, double std)
    {
        var (net, preprocessing) = VitRegistry.Find(name)!;
        (preprocessing.Resize, preprocessing.Mean[0], preprocessing.Std[0]).ShouldBe((resize, mean, std));
        (preprocessing.Size, preprocessing.Mean.Length, preprocessing.Std.Length).ShouldBe((net.ImageSize, net.Channels, net.Channels));
    }

    /// <summary>Counted by hand from the papers' sizes; rounded, they are the numbers timm publishes.</summary>
    [Theory]
    [InlineData("deit_tiny_distilled_patch16_224", 5_910_800)]
    [InlineData("deit_small_distilled_patch16_224", 22_436_432)]
    [InlineData("deit_base_distilled_patch16_224", 87_338_192)]
    [InlineData("deit3_small_patch16_224", 22_059_496)]
    [InlineData("deit3_base_patch16_224", 86_585_320)]
    [InlineData("vit_base_patch14_dinov2", 86_579_712)]
    [InlineData("vit_small_patch14_reg4_dinov2", 22_057_344)]
    [InlineData("vit_giant_patch14_dinov2", 1_136_479_232)]
    [InlineData("vit_base_patch16_224.mae", 85_798_656)]
    [InlineData("vit_medium_patch16_gap_256", 38_861_288)]
    [InlineData("vit_base_patch32_clip_224", 88_225_000)]
    public void Members_of_the_family_have_as_many_parameters_as_counted_by_hand(string name, long parameters)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        VitCost.Of(net).Parameters.ShouldBe(parameters);
    }

    /// <summary>Where layers learn at different rates, every head and every last norm must learn as the last layer, whatever it is called.</summary>
    [Fact]
    public void Layers_are_counted_from_the_patches_to_the_heads_in_every_member()
    {
        var last = new HashSet<string>();
        foreach (var net in VitRegistry.Names.Select(name => VitRegistry.Find(name)!.Architecture).Concat(FamilyNets.All.Select(n => n.Net)))
        {
            using var model = new VitModel(net, VitRegistry.Find("tiny-test-vit")!.Preprocessing, new Weights());
            foreach (var (name, _) in VitTensors.Expected(net))
            {
                var isLast = name.Split('.')[0] is "head" or "head_dist" or "norm" or "fc_norm";
                model.Layer(name).ShouldBe(isLast ? net.Depth + 1 : name.StartsWith("blocks.") ? int.Parse(name.Split('.')[1]) + 1 : 0, $"{name} of {net.Name}");
                if (isLast) last.Add(name.Split('.')[0]);
            }
        }
        last.Order().ShouldBe(["fc_norm", "head", "head_dist", "norm"]);
    }

    [Theory]
    [InlineData("deit_tiny_distilled_patch16_224-b40b3cf7", "deit_tiny_distilled_patch16_224", 0.9)]
    [InlineData("deit_3_huge_224_21k", "deit3_huge_patch14_224", 1.0)]
    [InlineData("mae_pretrain_vit_large", "vit_large_patch16_224", 0.9)]
    [InlineData("dino_vitbase8_pretrain", "vit_base_patch8_224", 0.9)]
    [InlineData("dinov2_vitl14_reg4_pretrain", "vit_large_patch14_reg4_dinov2", 1.0)]
    [InlineData("vit_l_32-c7638314", "vit_large_patch32_224", 0.875)]
    [InlineData("model", null, 0)]
    public void Published_files_are_known_by_their_names(string stem, string? name, double crop)
    {
        var entry = VitRegistry.FindFile(stem);
        entry?.Architecture.Name.ShouldBe(name);
        (entry?.Preprocessing.CropFraction ?? 0).ShouldBe(crop);
    }
}
