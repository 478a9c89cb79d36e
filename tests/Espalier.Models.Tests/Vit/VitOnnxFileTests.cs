using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>The file besides its arithmetic: what the graph is like, what is written with it, and when it is not kept.</summary>
public sealed class VitOnnxFileTests : TorchTest, IDisposable
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
    public void Every_tensor_is_made_once_before_it_is_used_and_used(string net, int opset)
    {
        using var model = ExportedNets.Model(net);
        var graph = Written(model, new OnnxOptions { Opset = opset }).Graph;

        var made = new HashSet<string>();
        foreach (var name in graph.Input.Select(i => i.Name).Concat(graph.Initializer.Select(t => t.Name))) made.Add(name).ShouldBeTrue(name);
        foreach (var node in graph.Node)
        {
            node.Input.ShouldBeSubsetOf(made, node.Name);
            foreach (var output in node.Output) made.Add(output).ShouldBeTrue(output);
        }
        var used = graph.Node.SelectMany(n => n.Input).Concat(graph.Output.Select(o => o.Name)).ToHashSet();
        // TopK must make values and indices, whichever is wanted.
        made.Except(used).Except(graph.Node.Where(n => n.OpType == "TopK" && n.Output.Any(used.Contains)).SelectMany(n => n.Output)).ShouldBeEmpty();
        graph.Node.Select(n => n.Name).Distinct().Count().ShouldBe(graph.Node.Count);
        // The biases by relative position are looked up before they are written.
        model.Weights.Keys.Where(name => !name.EndsWith("bias_table")).Select(model.Architecture.FileName).ShouldBeSubsetOf(made, "timm's names");
    }

    [Fact]
    public void The_batch_is_free_and_the_versions_fit()
    {
        using var model = ExportedNets.Model("dense");
        foreach (var (opset, ir) in (ReadOnlySpan<(int, int)>)[(17, 8), (20, 9)])
        {
            var file = Written(model, new OnnxOptions { Opset = opset });
            file.IrVersion.ShouldBe(ir);
            file.OpsetImport.ShouldHaveSingleItem().Version.ShouldBe(opset);
            file.ProducerName.ShouldBe("espalier");
            Dimensions(file.Graph.Input.ShouldHaveSingleItem()).ShouldBe("pixels: batch 3 32 32");
            Dimensions(file.Graph.Output.ShouldHaveSingleItem()).ShouldBe("logits: batch 10");
            file.Graph.Node.Count(n => n.OpType == "Gelu").ShouldBe(opset == 20 ? 6 : 0);
        }
    }

    // Debian's checker knows opset 17: schemas of all operators, types and shapes.
    [SkippableFact]
    public void The_reference_checker_accepts_every_graph_and_infers_its_shapes()
    {
        const string Script = """
            import onnx, sys
            for path in sys.argv[1:]:
                onnx.checker.check_model(path, full_check=True)
                graph = onnx.shape_inference.infer_shapes(onnx.load(path), check_type=True, strict_mode=True, data_prop=True).graph
                known = {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in graph.value_info}
                print(len(known) == sum(len(n.output) for n in graph.node) - 1, known.get('pooled')[1:])
            """;
        string[] modules = ["onnx"];
        PythonOracle.Require(modules);
        var expected = new List<string>();
        var files = ExportedNets.Names.Select((name, i) =>
        {
            using var model = ExportedNets.Model(name);
            expected.Add($"True [{model.Architecture.Features}]");
            OnnxFile.Write(_folder[$"{i}.onnx"], model, new OnnxOptions { WithNormalization = i % 2 == 1 });
            return _folder[$"{i}.onnx"];
        }).ToArray();

        PythonOracle.Run(Script, modules, files).Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldBe(expected);
    }

    [Fact]
    public void The_notes_say_how_to_feed_it_and_where_it_came_from()
    {
        using var model = ExportedNets.Model("dense");
        OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions
        {
            ClassNames = ["a \"b\"", "ü"],
            Provenance = new JsonObject { ["method"] = "espalier" },
            SourceHash = "abc",
        });
        using var file = OnnxModel.Open(_folder["model.onnx"]);

        file.Metadata.Keys.ShouldBe(["architecture", "class_names", "preprocessing", "provenance", "source_sha256"], ignoreOrder: true);
        file.Metadata["architecture"].ShouldBe("tiny-test-vit");
        JsonSerializer.Deserialize<string[]>(file.Metadata["class_names"]).ShouldBe(["a \"b\"", "ü"]);
        JsonNode.Parse(file.Metadata["provenance"])!["method"]!.GetValue<string>().ShouldBe("espalier");
        JsonNode.DeepEquals(JsonNode.Parse(file.Metadata["preprocessing"]), JsonNode.Parse("""
            {"size": 32, "resize": 32, "crop": 1, "crop_mode": "center", "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "in_graph": "nothing"}
            """)).ShouldBeTrue(file.Metadata["preprocessing"]);
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes()
    {
        using var model = ExportedNets.Model("mixer");
        foreach (var name in (string[])["a", "b"]) OnnxFile.Write(_folder[name], model, new OnnxOptions());
        File.ReadAllBytes(_folder["a"]).ShouldBe(File.ReadAllBytes(_folder["b"]));
        _folder.Files.ShouldBe(["a", "b"]);
    }

    [Theory]
    [InlineData(0.5e-4, true)]
    [InlineData(2e-4, false)]
    [InlineData(double.NaN, false)]
    [InlineData(double.PositiveInfinity, false)]
    public void Only_a_file_whose_logits_agree_is_kept(double shift, bool isKept)
    {
        using var model = ExportedNets.Model("repaired");
        File.WriteAllText(_folder["model.onnx"], "before");
        var write = () => OnnxFile.Write(_folder["model.onnx"], model, new OnnxOptions(), [new Odd(o => o + o.Abs().Max() * shift)]);

        if (isKept)
        {
            var written = write();
            written.MaxDifference.ShouldBe(shift, 1e-5);
            written.VerifiedBy.ShouldBe(["espalier", "odd"]);
            return;
        }
        write.ShouldThrow<VerificationException>().Message.ShouldContain("was not kept");
        File.ReadAllText(_folder["model.onnx"]).ShouldBe("before");
        _folder.Files.ShouldBe(["model.onnx"]);
    }

    [Fact]
    public void Nor_is_one_of_another_shape_or_one_that_an_engine_refuses()
    {
        using var model = ExportedNets.Model("dense");
        var (narrow, refusing) = (new Odd(o => o.Narrow(1, 0, 9)), new Odd(_ => throw new InputException("no such operator")));
        Should.Throw<VerificationException>(() => OnnxFile.Write(_folder["x"], model, new OnnxOptions(), [narrow])).Message.ShouldContain("10]");
        Should.Throw<VerificationException>(() => OnnxFile.Write(_folder["x"], model, new OnnxOptions(), [refusing])).Message.ShouldContain("no such operator");
        _folder.Files.ShouldBeEmpty();
    }

    [Fact]
    public void A_cancelled_export_leaves_nothing()
    {
        using var model = ExportedNets.Model("dense");
        Should.Throw<OperationCanceledException>(() => OnnxFile.Write(_folder["x"], model, new OnnxOptions(), cancellation: new CancellationToken(true)));
        _folder.Files.ShouldBeEmpty();
    }

    [Fact]
    public void What_onnx_cannot_hold_is_refused_before_it_is_written()
    {
        OnnxFile.CheckSize(VitRegistry.Find("vit_large_patch16_384")!.Architecture);
        var huge = VitArchitecture.Uniform("vit_huge_patch14_224", 224, 14, 3, 1280, 32, 16, 1000);
        Should.Throw<FailureException>(() => OnnxFile.CheckSize(huge)).Message.ShouldContain("2.5 GB");

        using var model = ExportedNets.Model("dense");
        Should.Throw<UsageException>(() => OnnxFile.Write(_folder["x"], model, new OnnxOptions { Opset = 18 })).Message.ShouldContain("17, 20");
    }

    private ModelProto Written(VitModel model, OnnxOptions options)
    {
        OnnxFile.Write(_folder["model.onnx"], model, options);
        return ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder["model.onnx"]));
    }

    private static string Dimensions(ValueInfoProto value) =>
        $"{value.Name}: {string.Join(' ', value.Type.TensorType.Shape.Dim.Select(d => d.HasDimParam ? d.DimParam : $"{d.DimValue}"))}";

    /// <summary>Runs the file as it should be run, and then does something to the logits.</summary>
    private sealed class Odd(Func<Tensor, Tensor> change) : IOnnxEngine
    {
        public string Name => "odd";

        public IReadOnlyList<Tensor> Run(FileStream file, IReadOnlyList<Tensor> inputs, CancellationToken cancellation = default) =>
            [.. new OnnxInterpreter().Run(file, inputs, cancellation).Select(change)];
    }
}
