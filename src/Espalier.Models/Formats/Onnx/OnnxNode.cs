using System.Collections.Immutable;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>A checked node.</summary>
/// <param name="Name">For errors.</param>
/// <param name="Operator">What it does.</param>
/// <param name="Inputs">Names of tensors that are there when its turn comes.</param>
/// <param name="Outputs">Names of the tensors it makes.</param>
/// <param name="Attributes">Only those that its operator knows.</param>
/// <param name="LastUses">Tensors, weights aside, that no later node uses.</param>
internal sealed record OnnxNode(string Name, OnnxOperator Operator, ImmutableArray<string> Inputs, ImmutableArray<string> Outputs,
    ImmutableDictionary<string, AttributeProto> Attributes, ImmutableArray<string> LastUses);

/// <summary>One call of a node: its tensors and what its attributes say.</summary>
internal readonly struct OnnxCall(OnnxNode node, Tensor[] inputs)
{
    public int Inputs => inputs.Length;

    public Tensor this[int input] => inputs[input];

    /// <summary>The values of an input that is a list of whole numbers, or an index.</summary>
    public long[] Integers(int input) => inputs[input].DType == DType.Int64 ? inputs[input].ToArray<long>()
        : throw new ArgumentException($"input {input} is {inputs[input].Describe()} instead of whole numbers");

    public bool Has(string name) => node.Attributes.ContainsKey(name);

    public long Int(string name) => Find(name, AttributeProto.Types.AttributeType.Int).I;

    public double Float(string name) => Find(name, AttributeProto.Types.AttributeType.Float).F;

    public string Text(string name) => Find(name, AttributeProto.Types.AttributeType.String).S.ToStringUtf8();

    public long[] Ints(string name) => [.. Find(name, AttributeProto.Types.AttributeType.Ints).Ints];

    private AttributeProto Find(string name, AttributeProto.Types.AttributeType type) =>
        node.Attributes.TryGetValue(name, out var attribute) && attribute.Type == type ? attribute
            : throw new ArgumentException($"it has no attribute {name} of type {type}");
}
