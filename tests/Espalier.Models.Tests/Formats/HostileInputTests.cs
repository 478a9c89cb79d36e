using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats.Pickle;
using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Formats;

/// <summary>Inputs that once did harm, or would without a limit: each ends at once with a message that names the file.</summary>
public sealed class HostileInputTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("""{"weight_map":{"a":null}}""", "weight_map of a must be the name of a file")]
    [InlineData("""{"weight_map":{"a":"b\u0000.safetensors"}}""", "does not lie beside it")]
    [InlineData("""{"weight_map":{"a":"../b.safetensors"}}""", "does not lie beside it")]
    [InlineData("""{"weight_map":{"a":"\ud800"}}""", "half a character")]
    public void An_index_names_files_beside_it(string index, string because) => Refused("model.safetensors.index.json", Encoding.UTF8.GetBytes(index), p => ShardedFile.Open(p), because);

    [Fact]
    public void An_index_of_very_many_tensors_is_refused_at_once()
    {
        var many = string.Join(',', Enumerable.Range(0, TensorFiles.MostTensors + 1).Select(i => $"\"{i}\":\"x.safetensors\""));
        Refused("model.safetensors.index.json", Encoding.UTF8.GetBytes($"{{\"weight_map\":{{{many}}}}}"), p => ShardedFile.Open(p), "lists 65537 tensors");
    }

    [Theory]
    [InlineData("""{"architecture":"\ud800"}""", "half a character")]
    [InlineData("""{"\udc00":1}""", "half a character")]
    [InlineData("""{"pretrained_cfg":{"input_size":[2000000000,64,64]}}""", "cannot use 2000000000 channels")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64.5,64.5]}}""", "square images only")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"crop_pct":1e-300}}""", "the crop fraction 1E-300")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"std":[1e-300,1,1]}}""", "a std that does not lie between")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"mean":[1e300,1,1]}}""", "a mean that far outside")]
    public void Configs_that_ask_for_the_impossible_are_refused(string config, string because) =>
        Refused("config.json", Encoding.UTF8.GetBytes(config), p => ModelConfig.Parse(SmallFile.ReadText(p), p), because);

    [Theory]
    [InlineData("\"heads\": 2", "\"heads\": 1099511627776", "heads must be a whole number")]
    [InlineData("\"heads\": 2", "\"heads\": 2000000000", "heads × qk_dim is 8000000000")]
    [InlineData("\"mlp_hidden\": 12", "\"mlp_hidden\": 2147483647", "mlp_hidden is 2147483647")]
    [InlineData("\"embed_dim\": 8", "\"embed_dim\": 2147483647", "embed_dim is 2147483647")]
    [InlineData("\"image_size\": 16", "\"image_size\": 2147483640", "image_size is 2147483640")]
    [InlineData("\"patch_size\": 8", "\"patch_size\": -8", "patch_size must be a whole number")]
    [InlineData("\"patch_size\": 8", "\"patch_size\": 0", "patch_size is missing or not above 0")]
    [InlineData("\"layer_norm_eps\": 1E-06", "\"layer_norm_eps\": -1", "layer_norm_eps is -1")]
    [InlineData("\"num_classes\": 5", "\"num_classes\": 2147483647", "num_classes is 2147483647")]
    public void Widths_no_network_has_are_refused(string good, string bad, string because)
    {
        var net = VitArchitecture.Uniform("vit", 16, 8, 3, 8, 2, 2, 5, 12);
        var text = ModelConfig.Of(net, new() { Size = 16, Mean = [0, 0, 0], Std = [1, 1, 1] }).ToJson();
        text.ShouldContain(good);
        Refused("config.json", Encoding.UTF8.GetBytes(text.Replace(good, bad)), p => ModelConfig.Parse(SmallFile.ReadText(p), p), because);
    }

    [Fact]
    public void Very_many_blocks_are_refused_before_they_are_counted_over_and_over()
    {
        var net = VitArchitecture.Uniform("vit", 16, 8, 3, 8, 20_000, 2, 5, 12);
        Refused("config.json", Encoding.UTF8.GetBytes(ModelConfig.Of(net, new() { Size = 16, Mean = [0, 0, 0], Std = [1, 1, 1] }).ToJson()), p => ModelConfig.Parse(SmallFile.ReadText(p), p), "blocks is 20000");
    }

    [Fact]
    public void Stages_of_very_many_blocks_are_refused_before_any_is_made()
    {
        var tensors = Enumerable.Range(0, 200).SelectMany(s => new[] { TensorData.Floats($"layers.{s}.blocks.9999.x", [1], new float[1]), TensorData.Floats($"layers.{s}.downsample.reduction.weight", [1, 1], new float[1]) });
        SafetensorsWriter.Write(_folder["swin.safetensors"], [.. tensors, TensorData.Floats("patch_embed.norm.weight", [1], new float[1]), TensorData.Floats("patch_embed.proj.weight", [1, 1, 1, 1], new float[1])]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Should.Throw<InputException>(() => ModelSource.Open(_folder["swin.safetensors"])).Message.ShouldContain("blocks is 2000000");
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(20L << 20);
    }

    [Theory]
    [InlineData("blocks.\u0663.norm1.weight")]
    [InlineData("layers.\u0663.blocks.\u0660.norm1.weight")]
    public void Digits_of_other_scripts_number_no_block(string name)
    {
        SafetensorsWriter.Write(_folder["a.safetensors"], [TensorData.Floats("patch_embed.proj.weight", [1, 1, 1, 1], new float[1]), TensorData.Floats(name, [1], new float[1])]);
        Should.Throw<InputException>(() => ModelSource.Open(_folder["a.safetensors"])).Message.ShouldStartWith(_folder["a.safetensors"]);
    }

    [Fact]
    public void A_hundred_thousand_class_names_take_no_time()
    {
        var text = $"{{\"id2label\":{{{string.Join(',', Enumerable.Range(0, 100_000).Select(i => $"\"{i}\":\"{i}\""))}}}}}";
        var clock = Stopwatch.StartNew();
        ModelConfig.Parse(text, "config.json").ClassNames.Length.ShouldBe(100_000);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(5), "it took hours when every name was looked for from the start");
    }

    [Theory]
    [InlineData("patch_embed.proj.weight", 4)]
    [InlineData("pos_embed", 3)]
    public void A_network_with_an_empty_tensor_is_refused(string name, int rank)
    {
        var path = _folder["empty.safetensors"];
        SafetensorsWriter.Write(path, [new TensorData(name, ElementType.F32, [.. Enumerable.Repeat(0L, rank)], Array.Empty<byte>()), TensorData.Floats("cls_token", [1], new float[1])]);
        Should.Throw<InputException>(() => ModelSource.Open(path)).Message.ShouldStartWith(path);
    }

    [Fact]
    public void Tensors_of_very_many_dimensions_are_refused()
    {
        var header = Encoding.UTF8.GetBytes($"{{\"t\":{{\"dtype\":\"U8\",\"shape\":[{string.Join(',', Enumerable.Repeat(1, 1000))}],\"data_offsets\":[0,1]}}}}");
        Refused("a.safetensors", [.. BitConverter.GetBytes((long)header.Length), .. header, 0], p => SafetensorsFile.Open(p), "has 1000 numbers in its shape");
    }

    [Fact]
    public void A_message_is_short_whatever_the_name_in_it()
    {
        var header = Encoding.UTF8.GetBytes($"{{\"{new string('n', 1_000_000)}\":[]}}");
        Refused("a.safetensors", [.. BitConverter.GetBytes((long)header.Length), .. header], p => SafetensorsFile.Open(p), "is not an object").Length.ShouldBeLessThan(2100);
    }

    [Fact]
    public void A_chain_of_calls_is_not_followed_into_the_depths()
    {
        const int Depth = 200_000;
        var pickle = new PickleWriter().Global("torch._tensor _rebuild_from_type_v2").Raw((byte)'q', 0, (byte)'N', (byte)'q', 1);
        for (var k = 0; k < Depth; k++) pickle.Raw((byte)'h', 0, (byte)'h', 1);
        pickle.Raw((byte)')');
        for (var k = 0; k < Depth; k++) pickle.Raw(0x87);
        PickleWriter.Save(_folder["a.pth"], pickle.Raw((byte)'R', (byte)'.').Bytes);
        Should.Throw<InputException>(() => TorchFile.Open(_folder["a.pth"])).Message.ShouldStartWith(_folder["a.pth"]);
    }

    [Fact]
    public void A_storage_whose_key_is_an_endless_number_is_refused()
    {
        var pickle = new PickleWriter().Op("(").Text("storage").Global("torch FloatStorage").Raw([0x8B, 0, 0, 16, 0, .. Enumerable.Repeat((byte)0x7F, 1 << 20)]).Text("cpu").Long(1).Op("tQ.");
        PickleWriter.Save(_folder["a.pth"], pickle.Bytes);
        Should.Throw<InputException>(() => TorchFile.Open(_folder["a.pth"])).Message.ShouldContain("a storage has no key");
    }

    [Theory]
    [InlineData("}")]
    [InlineData("]")]
    [InlineData("}NNs0")]
    [InlineData("N\u0085")]
    [InlineData("\u0085")]
    public void Memory_is_a_small_multiple_of_the_pickle(string operations)
    {
        const int Count = 1_000_000;
        var (pickle, part) = (new PickleWriter().Op("}"), Encoding.Latin1.GetBytes(operations));
        for (var k = 0; k < Count / part.Length; k++) pickle.Raw(part);
        PickleWriter.Save(_folder["a.pth"], pickle.Op(".").Bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Should.Throw<InputException>(() => TorchFile.Open(_folder["a.pth"]));
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(100L * Count);
    }

    [Fact]
    public void A_list_is_not_made_into_a_dict_over_and_over()
    {
        const int Pairs = 300_000, Calls = 2_000;
        var pickle = new PickleWriter().Global("collections OrderedDict").Op("q\0", "0](");
        for (var k = 0; k < Pairs; k++) pickle.Raw((byte)'N', (byte)'N', 0x86);
        pickle.Op("eq").Raw(1).Op("0](");
        for (var k = 0; k < Calls; k++) pickle.Raw((byte)'h', 0, (byte)'h', 1, 0x85, (byte)'R');
        EndsSoon(pickle.Op("e.").Bytes, "its dicts are made of lists with more than 1048576 pairs");
    }

    [Fact]
    public void The_long_name_of_a_part_is_not_repeated_for_every_tensor_below_it()
    {
        // A module: an object of some class, whose state names its parts and parameters.
        static PickleWriter Module(PickleWriter pickle) => pickle.Global("torch.nn Module").Raw((byte)')', 0x81).Op("}");
        var pickle = Module(new PickleWriter()).Text("_modules").Op("}").Text(new string('n', 8 << 20));
        Module(pickle).Text("_modules").Op("}s").Text("_parameters").Op("}");
        for (var k = 0; k < 1000; k++) pickle.Text($"p{k}").Tensor(10, 0, [10], [1]).Op("s");
        EndsSoon(pickle.Op("sb", "s", "s", "b.").Bytes, "the names of its tensors have more than");
    }

    [Fact]
    public void What_many_entries_share_is_looked_at_once()
    {
        const int Entries = 200_000, Shares = 20_000;
        var pickle = new PickleWriter().Op("}");
        for (var k = 0; k < Entries; k++) pickle.Text($"k{k}").Op("Ns");
        pickle.Op("q\0", "0}");
        for (var k = 0; k < Shares; k++) pickle.Text($"s{k}").Op("h\0", "s");
        EndsSoon(pickle.Op(".").Bytes, "holds no tensors");
    }

    private void EndsSoon(byte[] pickle, string because)
    {
        PickleWriter.Save(_folder["a.pth"], pickle);
        var (clock, before) = (Stopwatch.StartNew(), GC.GetAllocatedBytesForCurrentThread());
        Should.Throw<InputException>(() => TorchFile.Open(_folder["a.pth"])).Message.ShouldContain(because);
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(500L << 20);
    }

    [Fact]
    public void A_little_storage_does_not_make_a_hundred_large_tensors()
    {
        var pickle = new PickleWriter().Op("}");
        for (var k = 0; k < 100; k++) pickle.Text($"t{k}").Tensor(10, 0, [1 << 20], [0]).Op("s");
        PickleWriter.Save(_folder["a.pth"], pickle.Op(".").Bytes);
        Should.Throw<InputException>(() => TorchFile.Open(_folder["a.pth"])).Message.ShouldContain("of which only 10 are stored");
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.SmallestSize)]
    public void A_flipped_bit_is_found(CompressionLevel level)
    {
        var path = _folder["a.pth"];
        PickleWriter.Save(path, PickleWriter.Dict(w => w.Tensor(1000, 0, [1000], [1])), 4000, level);
        var good = File.ReadAllBytes(path);
        // The last bytes before the directory belong to the storage.
        var directory = BitConverter.ToInt32(good, good.Length - 6);
        var found = 0;
        for (var k = 1; k <= 10; k++)
        {
            var bytes = good.ToArray();
            bytes[directory - k] ^= 4;
            File.WriteAllBytes(path, bytes);
            using var damaged = TorchFile.Open(path);
            try
            {
                damaged.ReadFloats("w").ShouldBe(new float[1000], "a bit that means nothing changes nothing");
            }
            catch (InputException e)
            {
                e.Message.ShouldStartWith(path);
                found++;
            }
        }
        found.ShouldBeGreaterThan(level == CompressionLevel.NoCompression ? 9 : 4);
    }

    [Fact]
    public void A_pickle_that_is_not_what_was_written_is_refused_and_a_checksum_that_was_left_out_is_not_missed()
    {
        var path = _folder["a.pth"];
        PickleWriter.Save(path, PickleWriter.Dict(w => w.Tensor(10, 0, [10], [1])));
        var bytes = File.ReadAllBytes(path);
        var directory = BitConverter.ToInt32(bytes, bytes.Length - 6);
        var wrong = bytes.ToArray();
        wrong[directory + 16] ^= 1;
        Refused("b.pth", wrong, p => TorchFile.Open(p), "archive/data.pkl is damaged: its checksum does not match");
        bytes.AsSpan(directory + 16, 4).Clear();
        File.WriteAllBytes(path, bytes);
        using var file = TorchFile.Open(path);
        file.ReadFloats("w").Length.ShouldBe(10);
    }

    [Theory]
    [InlineData("../outside.png")]
    [InlineData("/etc/hostname")]
    [InlineData("a/../../outside.png")]
    [InlineData("..\\outside.png")]
    public void A_list_of_labels_stays_in_its_folder(string name)
    {
        File.WriteAllBytes(_folder["outside.png"], PngWriter.Encode(new(1, 1, 1, [0])));
        Directory.CreateDirectory(_folder["data/a"]);
        File.WriteAllText(_folder["data/labels.txt"], $"{name} 0\n");
        Should.Throw<InputException>(() => ImageDataset.Open(_folder["data"])).Message.ShouldContain("points outside of the folder");
    }

    [Fact]
    public void A_file_that_should_be_small_is_not_read_when_it_is_not()
    {
        using (var file = File.Create(_folder["config.json"])) file.SetLength(SmallFile.Most + 1);
        Should.Throw<InputException>(() => SmallFile.ReadText(_folder["config.json"])).Message.ShouldContain("are the most such a file may have");
    }

    private string Refused(string name, byte[] bytes, Action<string> read, string because)
    {
        File.WriteAllBytes(_folder[name], bytes);
        var clock = Stopwatch.StartNew();
        var message = Should.Throw<InputException>(() => read(_folder[name])).Message;
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
        message.ShouldContain(because);
        message.ShouldContain(name);
        return message;
    }
}
