using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats;

namespace Espalier.Models.Tests.Cnn;

/// <summary>Names, and what they stand for.</summary>
public class CnnRegistryTests : TorchTest
{
    [Fact]
    public void Every_name_is_found_and_said_by_what_it_finds()
    {
        foreach (var name in CnnRegistry.Names)
        {
            var entry = ModelRegistry.Find(name).ShouldNotBeNull(name);
            (entry.Architecture.Name, entry.Preprocessing.Size, entry.Preprocessing.Mean.Length).ShouldBe((name, entry.Architecture.ImageSize, entry.Architecture.Channels));
            ModelRegistry.Names.ShouldContain(name);
        }
        foreach (var unknown in (string[])["resnet20", "mobilenetv2_000", "mobilenetv2_1", "mobilenetv3_100", "resnet50.laion"]) ModelRegistry.Find(unknown).ShouldBeNull(unknown);
    }

    [Theory]
    [InlineData("resnet50.a1_in1k", "resnet50", Interpolation.Bicubic, 0.95)]
    [InlineData("resnet18.tv_in1k", "resnet18", Interpolation.Bilinear, 0.875)]
    [InlineData("mobilenetv2_100.ra_in1k", "mobilenetv2_100", Interpolation.Bicubic, 0.875)]
    public void Tags_tell_the_preprocessing(string name, string network, Interpolation interpolation, double crop)
    {
        var entry = ModelRegistry.Find(name)!;
        (entry.Architecture.Name, entry.Preprocessing.Interpolation, entry.Preprocessing.CropFraction).ShouldBe((network, interpolation, crop));
    }

    [Theory]
    [InlineData("resnet50-0676ba61", "resnet50")]
    [InlineData("mobilenet_v2-b0353104", "mobilenetv2_100")]
    [InlineData("mobilenetv2_100_ra-b33bc2c4", "mobilenetv2_100")]
    public void Published_files_are_known(string stem, string network) => ModelRegistry.FindFile(stem)!.Architecture.Name.ShouldBe(network);

    [Theory]
    [InlineData("resnet50-0676ba61", 256)]
    [InlineData("resnet50-11ad3fa6", 232)]
    [InlineData("mobilenet_v2-7ebf99e0", 232)]
    [InlineData("vit_l_16-852ce7e3", 242)]
    [InlineData("vit_b_16-c867db91", 256)]
    [InlineData("resnet50.tv2_in1k", 232)]
    public void Files_of_torchvision_are_resized_as_theirs(string stem, int resize) =>
        (ModelRegistry.Find(stem) ?? ModelRegistry.FindFile(stem))!.Preprocessing.Resize.ShouldBe(resize);

    // Widths of timm's and torchvision's MobileNetV2 at other multipliers.
    [Theory]
    [InlineData("mobilenetv2_050", 16, 8, 48, 1280)]
    [InlineData("mobilenetv2_140", 48, 24, 136, 1792)]
    [InlineData("mobilenetv2_035", 16, 8, 32, 1280)]
    public void Widths_are_rounded_to_multiples_of_eight(string name, int stem, int first, int fifth, int head)
    {
        var net = (CnnArchitecture)ModelRegistry.Find(name)!.Architecture;
        (net.Stem.Width, net.Blocks[0].Outputs, net.Blocks[11].Outputs, net.HeadWidth).ShouldBe((stem, first, fifth, head));
    }

    [Fact]
    public void A_folder_of_timms_is_opened_at_the_size_it_names()
    {
        using var folder = new TemporaryFolder();
        using (var model = ((CnnArchitecture)ModelRegistry.Find("mobilenetv2_035")!.Architecture with { Classes = 3 }).Random(CnnRegistry.ImageNet(224), 1))
            SafetensorsWriter.Write(folder["model.safetensors"], model.Weights.ToTensorData());
        File.WriteAllText(folder["config.json"], """
            { "architecture": "mobilenetv2_035", "num_classes": 3, "global_pool": "avg",
              "pretrained_cfg": { "input_size": [3, 288, 288], "crop_pct": 0.95, "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5] } }
            """);
        var source = ModelSource.Open(folder.Path);
        (source.Architecture.Name, source.Architecture.ImageSize, source.Architecture.Classes, source.Preprocessing.Resize).ShouldBe(("mobilenetv2_035", 288, 3, 303));
        using var loaded = source.Load();
        loaded.Preprocessing.Size.ShouldBe(288);
    }
}
