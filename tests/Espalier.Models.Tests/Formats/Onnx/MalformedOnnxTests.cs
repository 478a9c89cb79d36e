using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Models.Tests.Vit;
using Espalier.Models.Vit;
using Espalier.Torch;
using Google.Protobuf;
using static Espalier.Models.Formats.Onnx.Proto.AttributeProto.Types;
using static Espalier.Models.Formats.Onnx.Proto.TensorProto.Types;

namespace Espalier.Models.Tests.Formats.Onnx;

/// <summary>Damaged files and files of others are refused, with what is wrong and where.</summary>
public sealed class MalformedOnnxTests : TorchTest
{
    private static readonly Lazy<byte[]> s_good = new(Good);

    public static TheoryData<string> Faults => [.. s_faults.Keys];

    private static readonly Dictionary<string, (string Message, Action<ModelProto> Fault)> s_faults = new()
    {
        ["no graph"] = ("it has no graph", m => m.Graph = null),
        ["an old opset"] = (":11", m => m.OpsetImport[0].Version = 11),
        ["an opset that is 17 in 32 bits"] = ("operator sets", m => m.OpsetImport[0].Version = (1L << 32) + 17),
        ["no opset"] = ("operator sets", m => m.OpsetImport.Clear()),
        ["another domain"] = ("ai.onnx.ml:3", m => m.OpsetImport.Add(new OperatorSetIdProto { Domain = "ai.onnx.ml", Version = 3 })),
        ["two inputs"] = ("2 inputs", m => m.Graph.Input.Add(m.Graph.Input[0])),
        ["two notes of one key"] = ("two notes", m => m.MetadataProps.Add(m.MetadataProps[0])),
        ["an unknown operator"] = ("Attention", m => Node(m, "Softmax").OpType = "Attention"),
        ["an operator of another domain"] = ("com.microsoft.Gelu", m => (Node(m, "Erf").Domain, Node(m, "Erf").OpType) = ("com.microsoft", "Gelu")),
        ["an operator of a later opset"] = ("Gelu in opset 17", m => Node(m, "Erf").OpType = "Gelu"),
        ["an unknown attribute"] = ("attribute dilation", m => Node(m, "Conv").Attribute.Add(new AttributeProto { Name = "dilations", Type = AttributeType.Int, I = 1 })),
        ["a missing attribute"] = ("lacks an attribute", m => Node(m, "Softmax").Attribute.Clear()),
        ["a missing input"] = ("has 1 inputs", m => Node(m, "Add").Input.RemoveAt(1)),
        ["a tensor that is not there"] = ("'nothing'", m => Node(m, "Add").Input[0] = "nothing"),
        ["nodes in the wrong order"] = ("before it is there", m => m.Graph.Node.Insert(0, m.Graph.Node[^1])),
        ["a tensor made twice"] = ("two tensors", m => m.Graph.Node.Add(m.Graph.Node[^1])),
        ["a weight given twice"] = ("one name", m => m.Graph.Initializer.Add(m.Graph.Initializer[0])),
        ["no output"] = ("'gone'", m => m.Graph.Output[0].Name = "gone"),
        ["external data"] = ("another file", m => m.Graph.Initializer[0].DataLocation = DataLocation.External),
        ["a weight too short"] = ("bytes", m => m.Graph.Initializer[0].RawData = ByteString.CopyFrom(1, 2, 3, 4)),
        ["a shape that overflows"] = ("bytes", m => m.Graph.Initializer[0].Dims.Add([1L << 62, 4])),
        ["a negative extent"] = ("bytes", m => m.Graph.Initializer[0].Dims.Add([-1, -1])),
        ["another element type"] = ("element type 10", m => m.Graph.Initializer[0].DataType = 10),
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_file_that_espalier_does_not_write_is_refused(string name)
    {
        var (because, fault) = s_faults[name];
        var model = ModelProto.Parser.ParseFrom(s_good.Value);
        fault(model);
        Should.Throw<InputException>(() => Read(model.ToByteArray())).Message.ShouldSatisfyAllConditions(
            message => message.ShouldStartWith("a.onnx "),
            message => message.ShouldContain(because));
    }

    [Fact]
    public void A_node_whose_shapes_contradict_is_named()
    {
        foreach (var (type, input, shape) in ((string, int, long[])[])[("Reshape", 1, [7]), ("MatMul", 1, [1, 1]), ("Split", 1, [1])])
        {
            var model = ModelProto.Parser.ParseFrom(s_good.Value);
            var node = model.Graph.Node.First(n => n.OpType == type);
            var tensor = model.Graph.Initializer.Single(t => t.Name == node.Input[input]);
            var size = tensor.DataType == (int)DataType.Int64 ? 8 : 4;
            tensor.Dims.Clear();
            tensor.Dims.Add(shape);
            tensor.RawData = ByteString.CopyFrom(new byte[shape.Aggregate(1L, (a, b) => a * b) * size]);
            using var file = Read(model.ToByteArray());
            Should.Throw<InputException>(() => file.Run(TestNets.Pixels(TestNets.TinyNet, 1, 0))).Message.ShouldContain($"{node.Name} ({type})");
        }
    }

    [Fact]
    public void A_wrong_input_is_refused_at_the_node_that_takes_it()
    {
        using var file = Read(s_good.Value);
        Should.Throw<InputException>(() => file.Run(Tensor.Zeros([1, 1, 32, 32]))).Message.ShouldContain("patch_embed.proj (Conv)");
    }

    [Fact]
    public void No_truncation_is_taken_for_a_file()
    {
        var good = s_good.Value;
        for (var length = 0; length < good.Length; length += Math.Max(1, good.Length / 97))
            Should.Throw<InputException>(() => Read(good[..length]), $"{length} bytes").Message.ShouldStartWith("a.onnx is not ");
    }

    [Fact]
    public void Flipped_bits_and_noise_give_a_typed_error_or_a_file()
    {
        var random = new SeededRandom(1, "flips");
        for (var i = 0; i < 200; i++)
        {
            // Near the start, where the nodes are: a bit of a weight changes a number only.
            var bytes = i % 10 == 0 ? [.. Enumerable.Range(0, 300).Select(_ => (byte)random.NextInt(256))] : s_good.Value[..];
            for (var k = 0; k < 3; k++) bytes[random.NextInt(Math.Min(bytes.Length, 4000))] ^= (byte)(1 << random.NextInt(8));
            try
            {
                Read(bytes).Dispose();
            }
            catch (InputException e)
            {
                e.Message.ShouldContain("a.onnx");
            }
        }
    }

    [Fact]
    public void A_missing_file_is_an_input_error() =>
        Should.Throw<InputException>(() => OnnxModel.Open("no-such-file.onnx")).Message.ShouldContain("no-such-file.onnx");

    private static NodeProto Node(ModelProto model, string type) => model.Graph.Node.First(n => n.OpType == type);

    private static OnnxModel Read(byte[] bytes) => OnnxModel.Read(new MemoryStream(bytes), "a.onnx");

    private static byte[] Good()
    {
        using var folder = new TemporaryFolder();
        using var model = ExportedNets.Model("dense");
        OnnxFile.Write(folder["a.onnx"], model, new OnnxOptions());
        return File.ReadAllBytes(folder["a.onnx"]);
    }
}
