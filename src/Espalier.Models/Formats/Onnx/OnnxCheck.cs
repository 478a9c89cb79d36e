using System.Collections.Immutable;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;
using static Espalier.Models.Formats.Onnx.Proto.TensorProto.Types;

namespace Espalier.Models.Formats.Onnx;

/// <summary>Refuses what Espalier does not write, before anything of a file is run. Each fault names its place.</summary>
internal sealed class OnnxCheck(string path)
{
    /// <summary>One standard operator set that is known, and a graph with one input and one output.</summary>
    public void Model(ModelProto model)
    {
        if (model.Graph is null) throw Wrong("it has no graph; it is empty or no ONNX file");
        if (model.OpsetImport.Count != 1 || model.OpsetImport[0].Domain.Length > 0
            || !OnnxOptions.Opsets.Any(o => o == model.OpsetImport[0].Version))
            throw Wrong($"it uses the operator sets {string.Join(", ", model.OpsetImport.Select(o => $"{o.Domain}:{o.Version}"))}");
        if (model.Graph.Input.Count != 1 || model.Graph.Output.Count != 1)
            throw Wrong($"it has {model.Graph.Input.Count} inputs and {model.Graph.Output.Count} outputs instead of one each");
        if (model.MetadataProps.DistinctBy(p => p.Key).Count() != model.MetadataProps.Count) throw Wrong("two notes have one key");
    }

    /// <summary>The initializer's values, in the current scope.</summary>
    public Tensor Tensor(TensorProto tensor)
    {
        var type = (DataType)tensor.DataType switch
        {
            DataType.Float => DType.Float32,
            DataType.Int64 => DType.Int64,
            _ => throw Wrong($"the tensor {tensor.Name} has the element type {tensor.DataType}"),
        };
        if (tensor.DataLocation == DataLocation.External) throw Wrong($"the tensor {tensor.Name} lies in another file");
        // In floating point, so that no product of extents overflows.
        if (tensor.Dims.Any(d => d < 0) || tensor.Dims.Aggregate((double)type.Size(), (size, extent) => size * extent) != tensor.RawData.Length)
            throw Wrong($"the tensor {tensor.Name} {TensorInfo.Describe(tensor.Dims)} has {tensor.RawData.Length} bytes");
        return Torch.Tensor.FromBytes(tensor.RawData.Span, type, tensor.Dims.ToArray());
    }

    /// <summary>The nodes in order: every tensor is made once, before it is used, and the output is among them.</summary>
    public ImmutableArray<OnnxNode> Nodes(GraphProto graph, int opset)
    {
        var weights = graph.Initializer.Select(t => t.Name).ToHashSet(StringComparer.Ordinal);
        if (weights.Count != graph.Initializer.Count) throw Wrong("two weights have one name");
        var known = new HashSet<string>(weights, StringComparer.Ordinal);
        Define(graph.Input[0].Name);
        var checkedNodes = new List<OnnxNode>();
        foreach (var node in graph.Node)
        {
            var missing = node.Input.FirstOrDefault(name => !known.Contains(name));
            if (missing is not null) throw Wrong($"node {node.Name} uses the tensor '{missing}' before it is there");
            checkedNodes.Add(Node(node, opset));
            foreach (var output in node.Output) Define(output);
        }
        var last = graph.Output[0].Name;
        if (!known.Contains(last) || weights.Contains(last)) throw Wrong($"no node makes its output '{last}'");
        return WithLastUses(checkedNodes, weights, last);

        void Define(string name)
        {
            if (!known.Add(name)) throw Wrong($"two tensors have the name '{name}'");
        }
    }

    private OnnxNode Node(NodeProto node, int opset)
    {
        var operation = (node.Domain.Length == 0 ? OnnxOperator.Find(node.OpType, opset) : null)
            ?? throw Wrong($"node {node.Name} is {node.Domain}{(node.Domain.Length > 0 ? "." : "")}{node.OpType} in opset {opset}");
        if (node.Input.Count > operation.Inputs || node.Input.Count < operation.Inputs - operation.OptionalInputs)
            throw Wrong($"node {node.Name} ({node.OpType}) has {node.Input.Count} inputs");
        var odd = node.Attribute.FirstOrDefault(a => !operation.Attributes.Contains(a.Name) && !operation.OptionalAttributes.Contains(a.Name));
        if (odd is not null) throw Wrong($"node {node.Name} ({node.OpType}) has the attribute {odd.Name}");
        if (node.Attribute.DistinctBy(a => a.Name).Count() != node.Attribute.Count || !operation.Attributes.All(name => node.Attribute.Any(a => a.Name == name)))
            throw Wrong($"node {node.Name} ({node.OpType}) lacks an attribute, or has one twice");
        return new OnnxNode(node.Name, operation, [.. node.Input], [.. node.Output], node.Attribute.ToImmutableDictionary(a => a.Name), []);
    }

    private static ImmutableArray<OnnxNode> WithLastUses(List<OnnxNode> nodes, HashSet<string> weights, string output)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal) { output };
        for (var i = nodes.Count - 1; i >= 0; i--)
            nodes[i] = nodes[i] with { LastUses = [.. nodes[i].Inputs.Distinct().Where(name => !weights.Contains(name) && seen.Add(name))] };
        return [.. nodes];
    }

    private InputException Wrong(string what) => new($"{path} is not an ONNX file as Espalier writes it: {what}.");
}
