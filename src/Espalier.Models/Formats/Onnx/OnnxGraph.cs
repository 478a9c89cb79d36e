using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;
using Google.Protobuf;
using static Espalier.Models.Formats.Onnx.Proto.AttributeProto.Types;
using static Espalier.Models.Formats.Onnx.Proto.TensorProto.Types;

namespace Espalier.Models.Formats.Onnx;

/// <summary>
/// A graph under construction. Every method adds what it says and returns the name of the tensor that it made; a node has the name of
/// its (first) output. Names are used once, and a node may only use tensors that are there already.
/// </summary>
internal sealed class OnnxGraph(string name, int opset)
{
    /// <summary>The size of the first dimension of the input and the output, which the caller of the graph chooses.</summary>
    public const string BatchDimension = "batch";

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    /// <summary>The operator set; operators differ between sets in how they take their arguments.</summary>
    public int Opset { get; } = opset;

    public GraphProto Proto { get; } = new() { Name = name };

    /// <summary>An input [batch, <paramref name="shape"/>].</summary>
    public string Input(string name, DataType type, params ReadOnlySpan<long> shape)
    {
        Proto.Input.Add(Value(name, type, shape));
        return New(name);
    }

    /// <summary>Makes an existing fp32 tensor [batch, <paramref name="shape"/>] an output.</summary>
    public void Output(string name, params ReadOnlySpan<long> shape) => Proto.Output.Add(Value(name, DataType.Float, shape));

    /// <summary>A weight, as it is.</summary>
    public string Weight(string name, Tensor tensor)
    {
        using var scope = new TensorScope();
        return Add(name, DataType.Float, tensor.Shape, tensor.Detach().To(DType.Float32).ToBytes());
    }

    /// <summary>One number, added once however often it is asked for.</summary>
    public string Scalar(string name, double value) => _names.Contains(name) ? name
        : Add(name, DataType.Float, [], BitConverter.GetBytes((float)value));

    /// <summary>Numbers of a shape, for broadcasting; added once however often they are asked for.</summary>
    public string Floats(string name, ImmutableArray<float> values, params ReadOnlySpan<long> shape) => _names.Contains(name) ? name
        : Add(name, DataType.Float, shape.ToArray(), MemoryMarshal.AsBytes(values.AsSpan()).ToArray());

    /// <summary>A list of whole numbers, such as a shape; added once however often it is asked for.</summary>
    public string Integers(string name, params ReadOnlySpan<long> values) => _names.Contains(name) ? name
        : Add(name, DataType.Int64, [values.Length], MemoryMarshal.AsBytes(values).ToArray());

    /// <summary>An index: a whole number without dimensions.</summary>
    public string Index(string name, long value) => _names.Contains(name) ? name
        : Add(name, DataType.Int64, [], BitConverter.GetBytes(value));

    /// <summary>A node with one output.</summary>
    public string Node(string name, string operation, ReadOnlySpan<string> inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        Nodes([name], operation, inputs, attributes);
        return name;
    }

    /// <summary>A node with several outputs.</summary>
    public void Nodes(ReadOnlySpan<string> outputs, string operation, ReadOnlySpan<string> inputs, params ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { Name = outputs[0], OpType = operation };
        foreach (var input in inputs)
        {
            if (!_names.Contains(input)) throw new ArgumentException($"Node {outputs[0]} uses {input}, which is not there yet.");
            node.Input.Add(input);
        }
        foreach (var output in outputs) node.Output.Add(New(output));
        foreach (var attribute in attributes) node.Attribute.Add(attribute);
        Proto.Node.Add(node);
    }

    public static AttributeProto Attribute(string name, long value) => new() { Name = name, Type = AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, double value) => new() { Name = name, Type = AttributeType.Float, F = (float)value };

    public static AttributeProto Attribute(string name, string text) =>
        new() { Name = name, Type = AttributeType.String, S = ByteString.CopyFromUtf8(text) };

    public static AttributeProto Attribute(string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeType.Ints };
        foreach (var value in values) attribute.Ints.Add(value);
        return attribute;
    }

    private string Add(string name, DataType type, long[] shape, byte[] bytes)
    {
        // The bytes belong to nobody else: wrapping them spares a second copy of the model.
        var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = UnsafeByteOperations.UnsafeWrap(bytes) };
        tensor.Dims.AddRange(shape);
        Proto.Initializer.Add(tensor);
        return New(name);
    }

    private string New(string name) => _names.Add(name) ? name : throw new ArgumentException($"The name {name} is used twice.");

    private static ValueInfoProto Value(string name, DataType type, ReadOnlySpan<long> shape)
    {
        var dimensions = new TensorShapeProto();
        dimensions.Dim.Add(new TensorShapeProto.Types.Dimension { DimParam = BatchDimension });
        foreach (var extent in shape) dimensions.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = extent });
        return new ValueInfoProto
        {
            Name = name,
            Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = dimensions } },
        };
    }
}
