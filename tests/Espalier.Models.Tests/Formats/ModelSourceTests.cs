using System.Text.Json.Nodes;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Vit;
using Espalier.Models.Vit;
using Espalier.Testing;

namespace Espalier.Models.Tests.Formats;

public class ModelSourceTests
{
    private const string Tiny = "vit_tiny_patch16_224.augreg_in21k_ft_in1k";

    [Fact]
    public void A_folder_written_here_is_opened_with_all_it_says()
    {
        using var folder = new TemporaryFolder();
        ModelFolder.WriteConfig(folder.Path, ModelConfig.Of(Compressed.Net, VitRegistry.Find("tiny-test-vit")!.Preprocessing, new JsonObject { ["seed"] = 3 }));
        WriteWeights(folder["model.safetensors"], Compressed.Net);
        var source = ModelSource.Open(folder.Path);
        source.Vit.Blocks.ShouldBe(Compressed.Net.Blocks);
        (source.IsRandom, source.HeadCountSource, (int)source.Provenance!["seed"]!).ShouldBe((false, null, 3));
        source.SourceHash!.Length.ShouldBe(64);
        using var file = source.OpenWeights();
        file.ReadFloats("blocks.3.linear.bias").Length.ShouldBe(64);
        folder.Files.ShouldBe(["config.json", "model.safetensors", "preprocessor_config.json"]);
    }

    [Fact]
    public void A_name_means_random_weights()
    {
        var source = ModelSource.Open("vit_base_patch16_224");
        (source.IsRandom, source.WeightsPath, source.SourceHash, source.Vit.Depth).ShouldBe((true, null, null, 12));
    }

    [Fact]
    public void Tensors_that_do_not_fit_are_named()
    {
        using var folder = new TemporaryFolder();
        var path = folder["tiny-test-vit.safetensors"];
        var net = VitRegistry.Find("tiny-test-vit")!.Architecture;
        WriteWeights(path, net, name => name != "blocks.2.norm1.bias");
        Error(path).ShouldStartWith($"{path} lacks tensors: blocks.2.norm1.bias. ");
        WriteWeights(path, net, extra: new TensorData("blocks.0.extra", ElementType.F32, [64], new byte[256]));
        Error(path).ShouldStartWith($"{path} has unknown tensors: blocks.0.extra. ");
        WriteWeights(path, net, name => name != "norm.bias", TensorData.Floats("norm.bias", [63], new float[63]));
        Error(path).ShouldBe($"{path}: tensor norm.bias has shape [63], where tiny-test-vit needs [64].");
        WriteWeights(path, net, name => name != "norm.bias", new TensorData("norm.bias", ElementType.I32, [64], new byte[256]));
        Error(path).ShouldBe($"{path}: tensor norm.bias is I32, where a floating type was expected.");
    }

    [Fact]
    public void What_is_no_model_says_so()
    {
        using var folder = new TemporaryFolder();
        Error(folder.Path).ShouldBe($"{folder.Path} has no model.safetensors: it is no model folder, or its run has not finished.");
        Error(folder["none.safetensors"]).ShouldBe($"There is no file or folder {folder["none.safetensors"]}.");
        Error("deit_tiny_patch8").ShouldContain("no architecture of that name; like it are deit_tiny_patch16_224, deit_tiny_distilled_patch16_224, ");
        File.WriteAllText(folder["a.pth"], "");
        Error(folder["a.pth"]).ShouldContain("it is empty");
        File.WriteAllText(folder["a.png"], "");
        Error(folder["a.png"]).ShouldContain("is no model");
    }

    [SkippableFact]
    public void A_folder_of_timms_is_opened()
    {
        var source = ModelSource.Open(SharedData.Require(Tiny));
        source.Vit.Blocks.ShouldBe(VitRegistry.Find(Tiny)!.Architecture.Blocks);
        (source.Preprocessing.Resize, source.Preprocessing.Mean[2]).ShouldBe((248, 0.5));
        source.SourceHash.ShouldBe("a22e9b3685d1feca11a382fbed2db95defc965fe037c026069331b6c243268a6");
    }

    [SkippableFact]
    public void A_lone_file_is_understood_by_its_shapes()
    {
        var weights = Path.Combine(SharedData.Require(Tiny), ModelFolder.WeightsFile);
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder["some.safetensors"], weights);
        File.CreateSymbolicLink(folder[Tiny + ".safetensors"], weights);
        var unnamed = ModelSource.Open(folder["some.safetensors"]);
        (unnamed.Architecture.Name, unnamed.HeadCountSource).ShouldBe(("vit_192x12_patch16_224", "an assumed head width of 64"));
        var named = ModelSource.Open(folder[Tiny + ".safetensors"]);
        (named.Architecture.Name, named.HeadCountSource).ShouldBe(("vit_tiny_patch16_224", "the timm name vit_tiny_patch16_224"));
        unnamed.Vit.Blocks.ShouldBe(named.Vit.Blocks);
        unnamed.Preprocessing.Resize.ShouldBe(248);
    }

    [SkippableFact]
    public void Written_again_a_file_of_the_reference_implementation_keeps_every_byte()
    {
        var source = ModelSource.Open(SharedData.Require(Tiny));
        using var folder = new TemporaryFolder();
        using var file = SafetensorsFile.Open(source.WeightsPath!);
        SafetensorsWriter.Write(folder["a"], file.Infos.Select(t => new TensorData(t.Name, t.ElementType, t.Shape, file.Bytes(t.Name).ToArray())));
        File.ReadAllBytes(folder["a"]).AsSpan().SequenceEqual(File.ReadAllBytes(source.WeightsPath!)).ShouldBeTrue();
    }

    private static string Error(string model) => Should.Throw<InputException>(() => ModelSource.Open(model)).Message;

    private static void WriteWeights(string path, VitArchitecture net, Func<string, bool>? keep = null, TensorData? extra = null) =>
        SafetensorsWriter.Write(path, [.. VitTensors.Expected(net).Where(t => keep?.Invoke(t.Name) ?? true)
            .Select(t => TensorData.Floats(t.Name, t.Shape, new float[t.Shape.Aggregate(1L, (a, b) => a * b)])), .. extra is null ? [] : new[] { extra }]);
}
