using System.Globalization;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Tests.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Cnn;

/// <summary>Every kind of convolutional network, dense and cut, through every form it can be kept in.</summary>
public sealed class CnnModelTests : TorchTest, IDisposable
{
    private static readonly string[] s_modules = ["torch"];

    private readonly TemporaryFolder _folder = new();

    public new void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    [Theory]
    [MemberData(nameof(CnnNets.All), MemberType = typeof(CnnNets))]
    public void A_folder_gives_back_the_same_tensors_and_logits(string name)
    {
        using var model = CnnNets.Model(name);
        ModelFolder.Write(_folder.Path, model);
        var source = ModelSource.Open(_folder.Path);
        source.Architecture.IsSame(model.Architecture).ShouldBeTrue();
        using var loaded = source.Load();
        loaded.Weights.Differences(model.Weights).ShouldBeEmpty();
        var pixels = TestNets.Pixels(model.Architecture, 2, 1);
        loaded.Answer(pixels).BitEquals(model.Answer(pixels)).ShouldBeTrue();
        using var clone = model.Clone();
        clone.Weights.Differences(model.Weights).ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(CnnNets.InEveryOpset), MemberType = typeof(CnnNets))]
    public void The_interpreter_computes_the_models_logits(string name, int opset)
    {
        using var model = CnnNets.Model(name);
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions { Opset = opset, WithNormalization = opset == 20 }).MaxDifference.ShouldBeInRange(0, 1e-4);
    }

    [SkippableTheory]
    [MemberData(nameof(CnnNets.All), MemberType = typeof(CnnNets))]
    public void Onnx_runtime_computes_the_models_logits(string name)
    {
        var runtime = OnnxRuntime.Find();
        Skip.If(runtime is null, "ONNX Runtime is not installed; ./test.sh installs it");
        using var model = CnnNets.Model(name);
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions(), [runtime!]).VerifiedBy.ShouldBe(["espalier", "onnxruntime"]);
    }

    [SkippableFact]
    public void The_loader_in_the_folder_gives_the_same_logits_and_trains_every_tensor()
    {
        PythonOracle.Require(s_modules);
        var expected = new List<Tensor>();
        var folders = new List<string>();
        foreach (var name in CnnNets.Names)
        {
            using var model = CnnNets.Model(name);
            var folder = Directory.CreateDirectory(_folder[$"{folders.Count}"]).FullName;
            ModelFolder.Write(folder, model);
            var pixels = TestNets.Pixels(model.Architecture, 4, 9);
            SafetensorsWriter.Write(Path.Combine(folder, "pixels.safetensors"), new[] { KeyValuePair.Create("pixels", pixels) }.ToTensorData());
            expected.Add(model.Answer(pixels));
            folders.Add(folder);
        }
        PlainPeer.ShouldAgree(PythonOracle.Run(PythonPeerTests.Loader, s_modules, [.. folders]), expected, 1e-4);
        PythonOracle.Run(PythonPeerTests.Training, s_modules, [.. folders]).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim())
            .ShouldBe(folders.Select(_ => "falls"));
    }

    [Theory]
    [InlineData("basic", 4)]
    [InlineData("basic", 3)]
    [InlineData("bottleneck", 0)]
    [InlineData("bottleneck", 1)]
    [InlineData("bottleneck", 2)]
    [InlineData("inverted residual", 1)]
    [InlineData("inverted residual", 2)]
    public void What_is_cut_off_is_what_zeroed_channels_do_not_see(string name, int block)
    {
        using var model = CnnNets.Model(name);
        var hidden = model.Architecture.Blocks[block].Hidden;
        int[] kept = [.. Enumerable.Range(0, hidden).Where(c => c % 3 != 1)];
        using var cut = model.KeepHidden(block, kept);
        cut.Architecture.Blocks[block].Hidden.ShouldBe(kept.Length);
        cut.Weights.Keys.ShouldBe(cut.Architecture.Tensors().Select(t => t.Name));
        // A channel whose norms give 0 before every activation adds nothing.
        using var masked = model.Clone();
        using (new NoGrad())
            foreach (var layer in CnnLayers.Branch(model.Architecture, block).SkipLast(1))
                foreach (var end in new[] { ".weight", ".bias" })
                {
                    var values = masked.Weights[layer.Norm + end].ToArray<float>();
                    for (var c = 0; c < hidden; c++) if (!kept.Contains(c)) values[c] = 0;
                    masked.Weights.Set(layer.Norm + end, Tensor.From<float>(values));
                }
        var pixels = TestNets.Pixels(model.Architecture, 2, 3);
        Distance(cut.Answer(pixels), masked.Answer(pixels)).ShouldBeLessThan(1e-4);
        Distance(cut.Answer(pixels), model.Answer(pixels)).ShouldBeGreaterThan(1e-3);
    }

    [Fact]
    public void A_dropped_block_passes_its_input_on_and_no_other_tensor_changes()
    {
        using var model = CnnNets.Model("bottleneck");
        using var dropped = model.DropBlock(1);
        dropped.Architecture.Blocks[1].ShouldBe(model.Architecture.Blocks[1].Drop());
        dropped.Weights.Differences(model.Weights).ShouldAllBe(name => name.StartsWith("layer1.1."));
        var x = TestNets.Pixels(model.Architecture with { Channels = 24 }, 1, 2).Abs();
        CnnForward.Block(dropped, 1, x, new CnnPass()).BitEquals(x).ShouldBeTrue();
        Should.Throw<ArgumentException>(() => model.DropBlock(2)).Message.ShouldContain("changes the shape");
        Should.Throw<ArgumentException>(() => model.KeepHidden(1, [3, 2]));
        Should.Throw<ArgumentException>(() => dropped.KeepHidden(1, [0])).Message.ShouldContain("no inner channels");
        using var mobile = CnnNets.Model("inverted residual");
        Should.Throw<ArgumentException>(() => mobile.KeepHidden(0, [0])).Message.ShouldContain("no inner channels");
    }

    [Theory]
    [InlineData("basic")]
    [InlineData("bottleneck")]
    [InlineData("inverted residual")]
    public void The_last_layer_of_every_block_is_the_map_it_is_replaced_by(string name)
    {
        using var noGrad = new NoGrad();
        using var model = CnnNets.Model(name);
        var pixels = TestNets.Pixels(model.Architecture, 2, 3);
        for (var block = 0; block < model.Architecture.Depth; block++)
        {
            var (map, offset, kernel, _) = model.Map(block, ^1);
            var x = block == 0 ? model.Stem(pixels) : model.AfterBlock(block - 1, pixels);
            using var same = model.ReplaceLayer(block, ^1, map, offset);
            Distance(same.Answer(pixels), model.Answer(pixels)).ShouldBeLessThan(1e-4 * model.Answer(pixels).Abs().Max().Item());
            // Whatever the map, the branch is what it makes of the neighbourhoods.
            var (other, moved) = (map * 1.5 + 0.01, offset - 0.3);
            using var changed = model.ReplaceLayer(block, ^1, other, moved);
            var branch = model.Before(block, ^1, x).Unfold(kernel).Transpose(1, 2).To(DType.Float64).MatMul(other.Transpose(0, 1)) + moved;
            var sum = model.Skip(block, x) is { } skip ? branch + model.AsTokens(skip) : branch;
            Distance(model.AsTokens(changed.Sum(block, x)), sum.To(DType.Float32)).ShouldBeLessThan(1e-4 * sum.Abs().Max().Item());
            Distance(changed.Activate(block, changed.Sum(block, x)), changed.Blocks(x, block, block + 1)).ShouldBe(0);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void The_middle_of_a_bottleneck_is_a_map_too_and_may_keep_other_channels(int block)
    {
        using var noGrad = new NoGrad();
        using var model = CnnNets.Model("bottleneck");
        var pixels = TestNets.Pixels(model.Architecture, 2, 3);
        var x = block == 0 ? model.Stem(pixels) : model.AfterBlock(block - 1, pixels);
        var map = model.Map(block, 1);
        var middle = model.Linear(block, 1, model.Before(block, 1, x));
        var made = model.Before(block, 1, x).Unfold(map.Kernel, map.Stride).Transpose(1, 2).To(DType.Float64).MatMul(map.Matrix.Transpose(0, 1)) + map.Offset;
        Distance(model.AsTokens(middle), made.To(DType.Float32)).ShouldBeLessThan(1e-4 * middle.Abs().Max().Item());
        using var cut = model.KeepHidden(block, [0, 1, 4], [2, 3, 5]);
        cut.Weights.Keys.ShouldBe(cut.Architecture.Tensors().Select(t => t.Name));
        var kept = new[] { 2, 3, 5 }.SelectMany(c => Enumerable.Range(9 * c, 9)).ToArray();
        Distance(cut.Map(block, 1).Matrix, map.Matrix.IndexSelect(0, [0, 1, 4]).IndexSelect(1, kept)).ShouldBe(0);
        Distance(cut.Map(block, ^1).Matrix, model.Map(block, ^1).Matrix.IndexSelect(1, [0, 1, 4])).ShouldBe(0);
        Distance(cut.Map(block, 0).Matrix, model.Map(block, 0).Matrix.IndexSelect(0, [2, 3, 5])).ShouldBe(0);
        Should.Throw<ArgumentException>(() => model.KeepHidden(block, [0, 1], [2])).Message.ShouldContain("cannot keep");
    }

    [Fact]
    public void A_channel_that_its_norm_silences_can_be_heard_again()
    {
        using var noGrad = new NoGrad();
        using var model = CnnNets.Model("basic");
        model.Weights["layer1.1.bn2.weight"].Narrow(0, 2, 3).CopyFrom(Tensor.Zeros([3]));
        var map = model.Map(1, ^1);
        map.Matrix.Narrow(0, 2, 3).Abs().Max().Item().ShouldBe(0);
        using var changed = model.ReplaceLayer(1, ^1, map.Matrix + 0.01, map.Offset);
        var after = changed.Map(1, ^1).Matrix;
        Distance(after, map.Matrix + 0.01).ShouldBeLessThan(1e-4);
        changed.Weights.Differences(model.Weights).ShouldBe(["layer1.1.conv2.weight", "layer1.1.bn2.weight", "layer1.1.bn2.running_mean"]);
    }

    [Fact]
    public void Distance_from_the_running_statistics_is_as_defined()
    {
        using var noGrad = new NoGrad();
        using var model = CnnNets.Model("inverted residual");
        var pixels = TestNets.Pixels(model.Architecture, 3, 4);
        var sum = 0.0;
        CnnForward.Features(model, pixels, new CnnPass
        {
            OnNorm = (layer, map) =>
            {
                var channels = map.Transpose(0, 1).Reshape(map.Size(1), -1).ToArray<float>().Chunk((int)(map.Count / map.Size(1))).ToList();
                var mean = model.Weights[layer.Norm + ".running_mean"].ToArray<float>();
                var variance = model.Weights[layer.Norm + ".running_var"].ToArray<float>();
                double Length(Func<int, double> of) => Math.Sqrt(Enumerable.Range(0, channels.Count).Sum(c => of(c) * of(c)));
                var distance = Length(c => channels[c].Average() - mean[c])
                    + Length(c => channels[c].Average(v => Math.Pow(v - channels[c].Average(), 2)) - variance[c]);
                sum += layer.Norm == "bn1" ? 10 * distance : distance;
            },
        });
        var (logits, statistics) = model.LogitsWithStatistics(pixels);
        statistics!.Item().ShouldBe(sum, 1e-3 * sum);
        logits.BitEquals(model.Answer(pixels)).ShouldBeTrue();
    }

    [Fact]
    public void Files_are_read_by_the_names_of_networks_and_refused_when_they_are_none()
    {
        using var model = CnnInit.Random((CnnArchitecture)CnnRegistry.Find("mobilenetv2_050")!.Architecture with { Classes = 7 }, CnnRegistry.ImageNet(224), 1);
        SafetensorsWriter.Write(_folder["weights.safetensors"], model.Weights.ToTensorData());
        var source = ModelSource.Open(_folder["weights.safetensors"]);
        (source.Architecture.Name, source.Architecture.Classes).ShouldBe(("mobilenetv2_050", 7));
        SafetensorsWriter.Write(_folder["odd.safetensors"], model.Weights.SkipLast(3).ToTensorData());
        Should.Throw<InputException>(() => ModelSource.Open(_folder["odd.safetensors"])).Message.ShouldContain("none that is known");
    }

    [Theory]
    [InlineData("\"style\": \"resnet\"", "\"style\": \"densenet\"", "style")]
    [InlineData("\"kind\": \"bottleneck\"", "\"kind\": \"basic\"", "lacks|shape|has unknown")]
    [InlineData("\"inputs\": 24", "\"inputs\": 23", "takes 23 channels")]
    [InlineData("\"hidden\": 10", "\"hidden\": 0", "widths or a stride")]
    [InlineData("\"kernel\": 7", "\"kernel\": 6", "no middle")]
    [InlineData("\"shortcut\": true", "\"shortcut\": false", "cannot add its input")]
    [InlineData("\"norm_eps\": 0.001", "\"norm_eps\": 0", "norm_eps")]
    [InlineData("\"family\": \"cnn\"", "\"family\": \"rnn\"", "rnn")]
    public void A_config_that_contradicts_itself_is_an_invalid_input(string what, string instead, string message)
    {
        using var model = CnnNets.Model("bottleneck");
        ModelFolder.Write(_folder.Path, model);
        var text = File.ReadAllText(_folder["config.json"]);
        text.ShouldContain(what);
        File.WriteAllText(_folder["config.json"], text.Replace(what, instead));
        Should.Throw<InputException>(() => ModelSource.Open(_folder.Path)).Message.ShouldMatch(message);
    }
}
