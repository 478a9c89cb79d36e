using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Vit;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Cli.Tests;

public sealed class ExportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string File => _folder["model.onnx"];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Export_gives_one_json_document_and_the_file()
    {
        var run = CliRun.Of("export", _folder.WriteModel(classNames: ["a", "b", "c", "d", "e", "f"]), "-o", File, "--json", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        Keys(json.RootElement).ShouldBe(["output", "opset", "bytes", "max_difference", "verified_by"]);
        json.RootElement.GetProperty("output").GetString().ShouldBe(File);
        json.RootElement.GetProperty("opset").GetInt32().ShouldBe(17);
        json.RootElement.GetProperty("bytes").GetInt64().ShouldBe(new FileInfo(File).Length);
        json.RootElement.GetProperty("max_difference").GetDouble().ShouldBeInRange(0, 1e-4);
        json.RootElement.GetProperty("verified_by").EnumerateArray().Select(v => v.GetString()).ShouldBe(["espalier"]);
        using var file = OnnxModel.Open(File);
        file.Metadata["class_names"].ShouldBe("""["a","b","c","d","e","f"]""");
        file.Metadata["source_sha256"].ShouldBe(ModelSource.Open(_folder["model"]).SourceHash);
    }

    [SkippableTheory]
    [InlineData("17")]
    [InlineData("20")]
    public void Verify_runs_the_file_in_onnx_runtime_too(string opset)
    {
        Skip.If(OnnxRuntime.Find() is null, "needs ONNX Runtime: ./test.sh installs it (npm package onnxruntime-node)");
        var run = CliRun.Of("export", _folder.WriteModel(), "-o", File, "--opset", opset, "--with-normalization", "--verify", "--quiet");

        run.Code.ShouldBe(0, run.Error);
        run.Out.ShouldContain($"Opset {opset}, ");
        run.Out.ShouldContain("run in espalier and onnxruntime");
    }

    [Fact]
    public void Another_image_size_is_written_as_such()
    {
        CliRun.Of("export", _folder.WriteModel(), "-o", File, "--image-size", "16", "--quiet").Code.ShouldBe(0);
        using var file = OnnxModel.Open(File);
        using var scope = new TensorScope();
        file.Run(Tensor.Zeros([2, 1, 16, 16])).Shape.ShouldBe([2, TinyModel.Classes]);
        file.Metadata["preprocessing"].ShouldContain("\"size\":16");
    }

    [Fact]
    public void Only_force_overwrites()
    {
        var model = _folder.WriteModel();
        _folder.Write("model.onnx", "mine");

        var run = CliRun.Of("export", model, "-o", File, "--quiet");

        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldContain("--force");
        System.IO.File.ReadAllText(File).ShouldBe("mine");
        CliRun.Of("export", model, "-o", File, "--quiet", "--force").Code.ShouldBe(0);
        OnnxModel.Open(File).Dispose();
    }

    [Fact]
    public void A_model_that_computes_no_numbers_is_5_and_leaves_no_file()
    {
        var net = VitArchitecture.Uniform("tiny", 8, patchSize: 4, channels: 1, embedDim: 8, depth: 1, heads: 2, classes: 3);
        using (var model = VitInit.Random(net, new Preprocessing { Size = 8, Mean = [0.5], Std = [0.5] }, seed: 1))
        {
            model.Weights.Set("head.bias", Tensor.Full([3], double.PositiveInfinity));
            ModelFolder.Write(Directory.CreateDirectory(_folder["broken"]).FullName, model);
        }

        var run = CliRun.Of("export", _folder["broken"], "-o", File, "--quiet");

        run.Code.ShouldBe(ExitCodes.Verification);
        run.ErrorLine.ShouldContain("was not kept");
        run.Out.ShouldBeEmpty();
        Directory.GetFiles(_folder.Path).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("MODEL -o FOLDER", ExitCodes.Usage, "is a folder")]
    [InlineData("tiny-test-vit -o FOLDER/x.onnx", ExitCodes.Usage, "random weights")]
    [InlineData("FOLDER/nothing -o FOLDER/x.onnx", ExitCodes.Input, "no file or folder")]
    [InlineData("MODEL -o FOLDER/nowhere/x.onnx", ExitCodes.Failure, "Cannot write")]
    public void What_cannot_be_done_says_so(string arguments, int code, string because)
    {
        var model = _folder.WriteModel();
        var run = CliRun.Of($"export {arguments.Replace("MODEL", model).Replace("FOLDER", _folder.Path)} --quiet");

        run.Code.ShouldBe(code, run.Error);
        run.ErrorLine.ShouldContain(because);
        Directory.GetFiles(_folder.Path).ShouldBeEmpty();
    }

    private static string[] Keys(JsonElement element) => [.. element.EnumerateObject().Select(p => p.Name)];
}
