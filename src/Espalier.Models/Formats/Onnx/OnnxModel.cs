using System.Collections.Immutable;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;
using Google.Protobuf;

namespace Espalier.Models.Formats.Onnx;

/// <summary>
/// An ONNX file read back, run operator by operator on the engine. It knows exactly the operators that Espalier writes and refuses every
/// other file.
/// </summary>
public sealed class OnnxModel : IDisposable
{
    private readonly string _path;
    private readonly Weights _initializers;
    private readonly ImmutableArray<OnnxNode> _nodes;
    private readonly string _input, _output;

    private OnnxModel(string path, ModelProto model, Weights initializers, ImmutableArray<OnnxNode> nodes)
    {
        (_path, _initializers, _nodes) = (path, initializers, nodes);
        (_input, _output) = (model.Graph.Input[0].Name, model.Graph.Output[0].Name);
        Opset = (int)model.OpsetImport[0].Version;
        Metadata = model.MetadataProps.ToImmutableSortedDictionary(p => p.Key, p => p.Value, StringComparer.Ordinal);
    }

    public int Opset { get; }

    /// <summary>The file's <c>metadata_props</c>.</summary>
    public ImmutableSortedDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file.</summary>
    /// <exception cref="InputException">The file cannot be read or is not one that Espalier writes.</exception>
    public static OnnxModel Open(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            return Read(file, path);
        }
        catch (Exception e) when (e is IOException and not InvalidProtocolBufferException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read {path}: {e.Message}", e);
        }
    }

    /// <summary>Reads and checks everything; the tensors are copied, so that the stream may be closed.</summary>
    /// <exception cref="InputException">The file is damaged, or holds what Espalier does not write.</exception>
    public static OnnxModel Read(Stream stream, string path)
    {
        var model = Parse(stream, path);
        var check = new OnnxCheck(path);
        check.Model(model);
        var initializers = new Weights();
        try
        {
            using var noGrad = new NoGrad();
            foreach (var tensor in model.Graph.Initializer) initializers.Set(tensor.Name, check.Tensor(tensor));
            return new OnnxModel(path, model, initializers, check.Nodes(model.Graph, (int)model.OpsetImport[0].Version));
        }
        catch
        {
            initializers.Dispose();
            throw;
        }
    }

    /// <summary>Input to output, on the CPU; the output belongs to the current scope.</summary>
    /// <exception cref="InputException">The shapes in the file contradict one another, or the input's.</exception>
    public Tensor Run(Tensor input)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        // What no later node uses is freed at once: else a large model would keep every layer's activations.
        var values = new Dictionary<string, Tensor>(StringComparer.Ordinal) { [_input] = input.Alias() };
        foreach (var node in _nodes)
        {
            Run(node, values);
            foreach (var name in node.LastUses) values[name].Dispose();
        }
        return scope.Keep(values[_output]);
    }

    private void Run(OnnxNode node, Dictionary<string, Tensor> values)
    {
        using var scope = new TensorScope();
        var inputs = node.Inputs.Select(name => _initializers.TryGetValue(name, out var weight) ? weight : values[name]);
        try
        {
            var outputs = node.Operator.Run(new OnnxCall(node, [.. inputs]));
            if (outputs.Length != node.Outputs.Length) throw Wrong($"gives {outputs.Length} tensors instead of {node.Outputs.Length}");
            for (var i = 0; i < outputs.Length; i++) values[node.Outputs[i]] = scope.Keep(outputs[i]);
        }
        catch (Exception e) when (e is TorchException and not TorchOutOfMemoryException or IndexOutOfRangeException or ArgumentException)
        {
            throw Wrong($"cannot run: {e.Message}");
        }

        InputException Wrong(string what) => new($"{_path}: node {node.Name} ({node.Operator.Name}) {what}.");
    }

    private static ModelProto Parse(Stream stream, string path)
    {
        try
        {
            return ModelProto.Parser.ParseFrom(stream);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InputException($"{path} is not a complete ONNX file: {e.Message}", e);
        }
    }

    public void Dispose() => _initializers.Dispose();
}
