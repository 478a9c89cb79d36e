using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats.Pickle;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Formats;

/// <summary>Folders as Hugging Face and timm have them: sharded, with configs of either age.</summary>
public class HuggingFaceFolderTests : TorchTest
{
    private static readonly VitArchitecture s_net = VitArchitecture.Uniform("net", imageSize: 12, patchSize: 4, channels: 3, embedDim: 12, depth: 2, heads: 3,
        classes: 4, mlpHidden: 10);

    [Fact]
    public void Shards_are_read_as_one_file()
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(s_net, 2);
        WriteShards(folder, model);
        File.WriteAllText(folder["config.json"], """{"architecture":"net","num_classes":4,"global_pool":"token","model_args":{"num_heads":3}}""");
        var source = ModelSource.Open(folder.Path);
        using var loaded = source.LoadVit();
        loaded.Weights.Differences(model.Weights).ShouldBeEmpty();
        source.Vit.Blocks.ShouldBe(s_net.Blocks);
        var hash = source.SourceHash;
        SafetensorsWriter.Write(folder["model-00002-of-00002.safetensors"], Half(model, 1), new Dictionary<string, string> { ["changed"] = "yes" });
        ModelSource.Open(folder.Path).SourceHash.ShouldNotBe(hash);
    }

    [Fact]
    public void An_index_that_lies_is_refused()
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(s_net, 2);
        WriteShards(folder, model);
        var index = folder["model.safetensors.index.json"];
        Refused("{}", "has no weight_map");
        Refused("""{"weight_map":{}}""", "has no weight_map");
        Refused("""{"weight_map":{"a":"../model.safetensors"}}""", "names the file ../model.safetensors, which does not lie beside it");
        Refused("""{"weight_map":{"a":"/etc/passwd"}}""", "does not lie beside it");
        Refused("""{"weight_map":{"a":"model.safetensors.index.json"}}""", "does not lie beside it");
        Refused("""{"weight_map":{"a":"gone.safetensors"}}""", "gone.safetensors");
        Refused("""{"weight_map":{"a":"model-00001-of-00002.safetensors"}}""", "holds the tensor a, but it does not");
        Refused("""{"weight_map":{"a":1}}""", "must be the name of a file");

        void Refused(string text, string because)
        {
            File.WriteAllText(index, text);
            Should.Throw<InputException>(() => ModelSource.Open(folder.Path)).Message.ShouldContain(because);
        }
    }

    [Fact]
    public void Heads_epsilon_names_and_preprocessing_come_from_the_configs()
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(s_net, 2);
        ModelFile.Write(folder["model.safetensors"], model);
        File.WriteAllText(folder["config.json"],
            """{"model_type":"vit","num_attention_heads":3,"hidden_act":"gelu","layer_norm_eps":1e-12,"id2label":{"0":"a","1":"b","2":"c","3":"d"}}""");
        File.WriteAllText(folder["preprocessor_config.json"], """{"do_resize":true,"size":12,"resample":2,"do_normalize":true,"image_mean":[0.5,0.4,0.3],"image_std":[0.5,0.5,0.5]}""");
        var source = ModelSource.Open(folder.Path);
        (source.Vit.LayerNormEps, source.Vit.Blocks[0].Heads, source.ClassNames[3]).ShouldBe((1e-12, 3, "d"));
        (source.Preprocessing.Squash, source.Preprocessing.Resize, source.Preprocessing.Mean[2]).ShouldBe((true, 12, 0.3));
        source.HeadCountSource.ShouldBe("config.json");
        // What is left out is the library's default, not timm's.
        File.WriteAllText(folder["config.json"], """{"model_type":"vit"}""");
        var defaults = ModelSource.Open(folder.Path).Vit;
        (defaults.LayerNormEps, defaults.Blocks[0].Heads).ShouldBe((1e-12, 12));
    }

    [Theory]
    [InlineData("""{"model_type":"swinv2"}""", "model_type swinv2 is not supported")]
    [InlineData("""{"model_type":"vit","hidden_act":"gelu_new"}""", "hidden_act gelu_new is not supported")]
    [InlineData("""{"architecture":"vit_base_patch16_clip_quickgelu_224"}""", "QuickGELU")]
    [InlineData("""{"architecture":"vit_base_patch16_rpn_224"}""", "res-post-norm")]
    [InlineData("""{"architecture":"vit_small_patch16_rope_ape_224"}""", "RoPE")]
    [InlineData("""{"architecture":"resnetaa50"}""", "anti-aliasing")]
    [InlineData("""{"architecture":"resnetblur50"}""", "blur pooling")]
    [InlineData("""{"architecture":"x","global_pool":"map"}""", "global_pool map is not supported")]
    public void Networks_of_another_kind_are_refused(string config, string because)
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(s_net, 2);
        ModelFile.Write(folder["model.safetensors"], model);
        File.WriteAllText(folder["config.json"], config);
        Should.Throw<InputException>(() => ModelSource.Open(folder.Path)).Message.ShouldContain(because);
    }

    [Fact]
    public void Networks_of_another_kind_are_refused_by_the_name_of_the_file_or_the_folder_alone()
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(s_net, 2);
        var path = folder["vit_base_patch16_clip_quickgelu_224.openai.safetensors"];
        ModelFile.Write(path, model);
        Should.Throw<InputException>(() => ModelSource.Open(path)).Message.ShouldContain("QuickGELU");
        foreach (var (name, isRefused) in new[] { ("vit_rope_mixed", true), ("europe", false) })
        {
            Directory.CreateDirectory(folder[name]);
            ModelFile.Write(Path.Combine(folder[name], "model.safetensors"), model);
            File.WriteAllText(Path.Combine(folder[name], "config.json"), """{"model_args":{"num_heads":3}}""");
            if (isRefused) Should.Throw<InputException>(() => ModelSource.Open(folder[name])).Message.ShouldContain("RoPE");
            else ModelSource.Open(folder[name]).Vit.Depth.ShouldBe(2);
        }
    }

    [Fact]
    public void DinoV2_is_opened_at_the_size_its_processor_makes()
    {
        using var folder = new TemporaryFolder();
        var net = (s_net with { Classes = 0 }).WithBlocks(b => b with { LayerScale = true });
        using var model = TestNets.Model(net, 2);
        ModelFile.Write(folder["model.safetensors"], model);
        File.WriteAllText(folder["config.json"], """{"model_type":"dinov2","num_attention_heads":3,"layer_norm_eps":1e-6}""");
        File.WriteAllText(folder["preprocessor_config.json"], """{"size":{"shortest_edge":10},"crop_size":{"height":8,"width":8},"do_center_crop":true}""");
        var source = ModelSource.Open(folder.Path);
        (source.Architecture.ImageSize, source.Stored.ImageSize, source.Preprocessing.Size, source.Preprocessing.Resize).ShouldBe((8, 12, 8, 10));
        using var loaded = source.LoadVit();
        using var resized = model.ResizePositions(8);
        loaded.Weights.Differences(resized.Weights).ShouldBeEmpty();
        // Other models are not interpolated behind one's back.
        File.WriteAllText(folder["config.json"], """{"model_type":"vit","num_attention_heads":3}""");
        Should.Throw<InputException>(() => ModelSource.Open(folder.Path)).Message.ShouldContain("8×8 pixels, but the network takes 3 of 12×12");
    }

    [Fact]
    public void Weights_that_turn_out_damaged_leave_no_tensor_behind()
    {
        using var folder = new TemporaryFolder();
        var path = folder["a.pth"];
        var net = VitArchitecture.Uniform("net", imageSize: 8, patchSize: 4, channels: 1, embedDim: 64, depth: 1, heads: 1, classes: 2, mlpHidden: 8);
        var tensors = net.Tensors().ToList();
        var pickle = new PickleWriter().Op("}");
        for (var k = 0; k < tensors.Count; k++)
        {
            var (shape, strides) = (tensors[k].Shape.ToArray(), tensors[k].Shape.Select((_, d) => tensors[k].Shape.Skip(d + 1).Aggregate(1L, (a, b) => a * b)).ToArray());
            pickle.Text(tensors[k].Name).Tensor(shape.Aggregate(1L, (a, b) => a * b), 0, shape, strides, $"{k + 1}").Op("s");
        }
        PickleWriter.Save(path, pickle.Op(".").Bytes, more: [.. tensors.Select((t, k) => ($"archive/data/{k + 1}", new byte[4 * t.Shape.Aggregate(1L, (a, b) => a * b)]))]);
        var before = Tensor.LiveCount;
        using (ModelSource.Open(path).LoadVit()) Tensor.LiveCount.ShouldBe(before + tensors.Count);
        var bytes = File.ReadAllBytes(path);
        bytes[BitConverter.ToInt32(bytes, bytes.Length - 6) - 1] ^= 4; // the last byte before the directory belongs to the last storage
        File.WriteAllBytes(path, bytes);
        Should.Throw<InputException>(() => ModelSource.Open(path).LoadVit()).Message.ShouldContain("checksum");
        Tensor.LiveCount.ShouldBe(before);
    }

    private static void WriteShards(TemporaryFolder folder, VitModel model)
    {
        SafetensorsWriter.Write(folder["model-00001-of-00002.safetensors"], Half(model, 0));
        SafetensorsWriter.Write(folder["model-00002-of-00002.safetensors"], Half(model, 1));
        var map = string.Join(",", model.Weights.Keys.Select((name, k) => $"\"{name}\":\"model-0000{1 + k % 2}-of-00002.safetensors\""));
        File.WriteAllText(folder["model.safetensors.index.json"], "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}");
    }

    private static IEnumerable<TensorData> Half(VitModel model, int which) => model.Weights.Where((_, k) => k % 2 == which).ToTensorData();
}
