using System.Collections.Frozen;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>An operator as Espalier writes it: with these inputs and attributes, and no others.</summary>
/// <param name="Name">ONNX's name.</param>
/// <param name="Inputs">How many tensors it takes at most.</param>
/// <param name="Attributes">The attributes it takes.</param>
/// <param name="Run">What it computes.</param>
internal sealed record OnnxOperator(string Name, int Inputs, string[] Attributes, Func<OnnxCall, Tensor[]> Run)
{
    /// <summary>The first operator set that has it in this form.</summary>
    public int Since { get; init; }

    /// <summary>The last operator set that has it in this form.</summary>
    public int Until { get; init; } = int.MaxValue;

    /// <summary>How many of the last inputs may be missing.</summary>
    public int OptionalInputs { get; init; }

    /// <summary>Attributes that may be missing.</summary>
    public string[] OptionalAttributes { get; init; } = [];

    private static readonly FrozenDictionary<string, OnnxOperator[]> s_all = new OnnxOperator[]
    {
        new("Add", 2, [], c => [c[0] + c[1]]),
        new("Sub", 2, [], c => [c[0] - c[1]]),
        new("Mul", 2, [], c => [c[0] * c[1]]),
        new("Div", 2, [], c => [c[0] / c[1]]),
        new("Erf", 1, [], c => [c[0].Erf()]),
        new("Sigmoid", 1, [], c => [c[0].Sigmoid()]),
        new("Gelu", 1, [], c => [c[0].Gelu()]) { Since = 20 },
        new("MatMul", 2, [], c => [c[0].MatMul(c[1])]),
        new("Gemm", 3, ["transB"], c => [c[0].MatMul(c.Int("transB") == 0 ? c[1] : c[1].Transpose(0, 1)) + c[2]]),
        new("Conv", 3, ["kernel_shape", "strides"], Conv) { OptionalInputs = 1, OptionalAttributes = ["pads", "group"] },
        new("BatchNormalization", 5, ["epsilon"], c => [c[0].BatchNorm(c[1], c[2], c[3], c[4], training: false, momentum: 0, c.Float("epsilon"))]),
        new("Relu", 1, [], c => [c[0].Relu()]),
        new("Clip", 3, [], c => [c[0].Clamp(c[1], c[2])]),
        new("MaxPool", 1, ["kernel_shape", "pads", "strides"], MaxPool),
        new("GlobalAveragePool", 1, [], c => [c[0].Mean([2, 3], keepDim: true)]),
        new("Flatten", 1, ["axis"], Flatten),
        new("LayerNormalization", 3, ["axis", "epsilon"], LayerNorm) { Since = 17 },
        new("Softmax", 1, ["axis"], c => [c[0].Softmax(c.Int("axis"))]),
        new("ReduceMean", 1, ["axes", "keepdims"], c => [c[0].Mean(c.Ints("axes"), c.Int("keepdims") != 0)]) { Until = 17 },
        new("ReduceMean", 2, ["keepdims"], c => [c[0].Mean(c.Integers(1), c.Int("keepdims") != 0)]) { Since = 18 },
        new("Cast", 1, ["to"], Cast),
        new("Shape", 1, ["start", "end"], c => [Tensor.From(c[0].Shape[(int)c.Int("start")..(int)c.Int("end")])]),
        new("Reshape", 2, [], c => [c[0].Reshape(KeepingZeros(c.Integers(1), c[0].Shape))]),
        new("Transpose", 1, ["perm"], c => [c[0].Permute(c.Ints("perm"))]),
        new("Expand", 2, [], c => [c[0].Expand([.. c.Integers(1).Select(extent => extent == 1 ? -1 : extent)])]),
        new("Concat", 4, ["axis"], c => [Tensor.Cat([.. Enumerable.Range(0, c.Inputs).Select(i => c[i])], c.Int("axis"))]) { OptionalInputs = 2 },
        new("Split", 2, ["axis"], c => c[0].Split(c.Integers(1), c.Int("axis"))),
        new("Identity", 1, [], c => [c[0].Alias()]),
        new("Pad", 2, [], Pad),
        new("Slice", 5, [], Slice) { OptionalInputs = 1 },
        new("Log", 1, [], c => [c[0].Log()]),
        new("Sqrt", 1, [], c => [c[0].Sqrt()]),
        new("ReduceSum", 2, ["keepdims"], c => [c[0].Sum(c.Integers(1), c.Int("keepdims") != 0)]),
        new("TopK", 2, ["axis", "largest", "sorted"], TopK),
        new("GatherElements", 2, ["axis"], c => [c[0].Gather(c.Int("axis"), c[1])]),
        new("ScatterElements", 3, ["axis", "reduction"], ScatterElements),
        new("Gather", 2, ["axis"], Gather),
    }.GroupBy(o => o.Name).ToFrozenDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);

    /// <summary>The operator as it is in that set; null when it is none that Espalier writes.</summary>
    public static OnnxOperator? Find(string name, int opset) =>
        s_all.GetValueOrDefault(name)?.SingleOrDefault(o => o.Since <= opset && opset <= o.Until);

    private static Tensor[] Conv(OnnxCall call)
    {
        var (strides, kernel) = (call.Ints("strides"), call.Ints("kernel_shape"));
        Require(strides.Length == 2 && strides[0] == strides[1], "its strides must be two of one size");
        Require(kernel.SequenceEqual(call[1].Shape[2..]), "its kernel_shape must be its weight's");
        return [call[0].Conv2d(call[1], call.Inputs > 2 ? call[2] : null, (int)strides[0], call.Has("pads") ? Padding(call) : 0, call.Has("group") ? (int)call.Int("group") : 1)];
    }

    private static Tensor[] MaxPool(OnnxCall call)
    {
        var (strides, kernel) = (call.Ints("strides"), call.Ints("kernel_shape"));
        Require(strides is [var down, var right] && down == right && kernel is [var height, var width] && height == width, "its windows and strides must be square");
        return [call[0].MaxPool2d((int)kernel[0], (int)strides[0], Padding(call))];
    }

    private static Tensor[] Flatten(OnnxCall call)
    {
        Require(call.Int("axis") == 1, "it must keep the images apart");
        return [call[0].Reshape(call[0].Size(0), -1)];
    }

    private static int Padding(OnnxCall call)
    {
        var pads = call.Ints("pads");
        Require(pads is [>= 0, _, _, _] && pads.All(p => p == pads[0]), "it must pad all sides alike");
        return (int)pads[0];
    }

    private static Tensor[] LayerNorm(OnnxCall call)
    {
        Require(call.Int("axis") == -1, "it must normalise the last axis alone");
        return [call[0].LayerNorm(call[1], call[2], call.Float("epsilon"))];
    }

    private static Tensor[] Cast(OnnxCall call)
    {
        Require(call.Int("to") == (long)TensorProto.Types.DataType.Float, "it must cast to FLOAT");
        return [call[0].To(DType.Float32)];
    }

    private static Tensor[] Pad(OnnxCall call)
    {
        var (pads, rank) = (call.Integers(1), call[0].Shape.Length);
        Require(pads.Length == 2 * rank && pads.All(p => p >= 0), "it must pad every axis by nothing or more");
        // Here all begins come first, then all ends; in libtorch the last dimension comes first, each with both.
        return [call[0].Pad([.. Enumerable.Range(0, rank).Reverse().SelectMany(axis => new[] { pads[axis], pads[rank + axis] })])];
    }

    private static Tensor[] Slice(OnnxCall call)
    {
        var (from, to, axes) = (call.Integers(1), call.Integers(2), call.Integers(3));
        Require(from.Length == 1 && to.Length == 1 && axes.Length == 1 && from[0] >= 0, "it must slice one axis, from its start on");
        var part = call[0].Narrow(axes[0], from[0], to[0] - from[0]);
        if (call.Inputs == 4) return [part];
        Require(call.Integers(4) is [> 0], "it must go forward");
        return [part.EverySlice(axes[0], 0, call.Integers(4)[0])];
    }

    private static Tensor[] TopK(OnnxCall call)
    {
        Require(call.Int("axis") == -1 && call.Int("sorted") == 1, "it must sort along the last axis");
        var (values, indices) = call[0].Sort(-1, descending: call.Int("largest") != 0);
        var k = call.Integers(1);
        Require(k is [> 0] && k[0] <= values.Size(-1), "it must ask for as many as there are");
        return [values.Narrow(-1, 0, k[0]), indices.Narrow(-1, 0, k[0])];
    }

    private static Tensor[] ScatterElements(OnnxCall call)
    {
        Require(call.Text("reduction") == "add", "it must add");
        return [call[0].ScatterAdd(call.Int("axis"), call[1], call[2])];
    }

    private static Tensor[] Gather(OnnxCall call)
    {
        Require(call[1].Shape.Length == 0, "its index must be one number");
        return [call[0].Select(call.Int("axis"), call.Integers(1)[0])];
    }

    private static long[] KeepingZeros(long[] shape, long[] before) => [.. shape.Select((extent, i) => extent == 0 ? before[i] : extent)];

    private static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new ArgumentException(otherwise);
    }
}
