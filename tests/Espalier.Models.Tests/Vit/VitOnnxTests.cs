using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>The ONNX file computes what the model does, in Espalier's interpreter and in ONNX Runtime.</summary>
public sealed class VitOnnxTests : TorchTest, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, int> Nets => ExportedNets.InEveryOpset;

    public new void Dispose()
    {
        _folder.Dispose();
        base.Dispose();
    }

    [Theory]
    [MemberData(nameof(Nets))]
    public void The_interpreter_computes_the_models_logits(string net, int opset)
    {
        using var model = ExportedNets.Model(net);
        var written = OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions { Opset = opset });

        written.VerifiedBy.ShouldBe(["espalier"]);
        written.MaxDifference.ShouldBeInRange(0, 1e-4);
        written.Bytes.ShouldBe(new FileInfo(_folder["model.onnx"]).Length);
        using var file = OnnxModel.Open(_folder["model.onnx"]);
        file.Opset.ShouldBe(opset);
        foreach (var batch in (int[])[1, 2, 5])
        {
            var pixels = TestNets.Pixels(model.Architecture, batch, 3);
            ExportedNets.ShouldAgree(file.Run(pixels), model.Answer(pixels), $"batch {batch}");
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Nets))]
    public void Onnx_runtime_computes_the_models_logits(string net, int opset)
    {
        var runtime = RuntimeOrSkip();
        using var model = ExportedNets.Model(net);
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions { Opset = opset, Seed = 1 });

        Tensor[] inputs = [TestNets.Pixels(model.Architecture, 4, 8), TestNets.Pixels(model.Architecture, 1, 9)];
        using var file = File.OpenRead(_folder["model.onnx"]);
        var outputs = runtime.Run(file, inputs);
        for (var i = 0; i < inputs.Length; i++) ExportedNets.ShouldAgree(outputs[i], model.Answer(inputs[i]), $"input {i}");
    }

    [Fact]
    public void So_do_random_networks_after_random_edits()
    {
        for (var seed = 0UL; seed < 16; seed++)
        {
            using var model = RandomEdits.Model(seed, family: seed >= 8);
            OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions { Opset = seed % 2 == 0 ? 17 : 20 });
            using var file = OnnxModel.Open(_folder["model.onnx"]);
            var pixels = TestNets.Pixels(model.Architecture, 2, seed);
            ExportedNets.ShouldAgree(file.Run(pixels), model.Answer(pixels), $"seed {seed}");
        }
    }

    // Every tensor matters to the file as it does to the model: with one of them changed, file and model part.
    [Theory]
    [InlineData("mixer")]
    [InlineData("linear and every other kind")]
    [InlineData("all at once")]
    [InlineData("no class token, norm after the pooling")]
    [InlineData("swin whose grid is padded")]
    public void Every_tensor_of_the_model_is_in_the_file(string net)
    {
        using var model = ExportedNets.Model(net);
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions());
        using var file = OnnxModel.Open(_folder["model.onnx"]);
        var pixels = TestNets.Pixels(model.Architecture, 2, 3);
        var logits = file.Run(pixels);
        // What shifts all keys alike changes no attention.
        foreach (var name in model.Weights.Keys.Where(n => !n.EndsWith("k_norm.bias", StringComparison.Ordinal)))
        {
            using var scope = new TensorScope();
            using var changed = model.Clone();
            changed.Weights[name].UniformInPlace(-1, 1);
            (changed.Answer(pixels) - logits).Abs().Max().Item().ShouldBeGreaterThan(1e-3 * logits.Abs().Max().Item(), name);
        }
    }

    [SkippableTheory]
    [InlineData("dense", false)]
    [InlineData("grey, patch 7, other epsilon", false)]
    [InlineData("dense", true)]
    public void With_normalization_the_graph_takes_bytes(string net, bool inOnnxRuntime)
    {
        IOnnxEngine engine = inOnnxRuntime ? RuntimeOrSkip() : new OnnxInterpreter();
        using var unlike = ExportedNets.Model(net);
        var channels = unlike.Architecture.Channels;
        var preprocessing = unlike.Preprocessing with { Mean = [.. new[] { 0.485, 0.1, 0.9 }[..channels]], Std = [.. new[] { 0.229, 0.5, 0.1 }[..channels]] };
        using var model = new VitModel(unlike.Architecture, preprocessing, unlike.Weights.Clone());
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions { WithNormalization = true });

        var image = TestNets.Images(1, model.Architecture.ImageSize, channels, 2, seed: 4).Items[0].Load(channels);
        var normalised = new float[image.Pixels.Length];
        new Normalization(preprocessing.Mean, preprocessing.Std).Apply(image.Pixels, normalised);
        long side = model.Architecture.ImageSize;
        var planes = Tensor.From<byte>(image.Pixels, [1, side, side, channels]).Permute(0, 3, 1, 2).Contiguous();
        using var file = File.OpenRead(_folder["model.onnx"]);
        ExportedNets.ShouldAgree(engine.Run(file, [planes])[0], model.Answer(Tensor.From<float>(normalised, [1, channels, side, side])), net);
    }

    private static OnnxRuntime RuntimeOrSkip()
    {
        var runtime = OnnxRuntime.Find();
        Skip.If(runtime is null, "needs ONNX Runtime: ./test.sh installs it (npm package onnxruntime-node)");
        return runtime!;
    }
}
