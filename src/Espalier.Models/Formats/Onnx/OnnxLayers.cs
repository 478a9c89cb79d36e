using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>Layers as nodes, named as in <c>torch.nn.functional</c>; their weights get timm's names.</summary>
internal static class OnnxLayers
{
    public static string Add(this OnnxGraph graph, string name, string a, string b) => graph.Node(name, "Add", [a, b]);

    public static string Sub(this OnnxGraph graph, string name, string a, string b) => graph.Node(name, "Sub", [a, b]);

    public static string Mul(this OnnxGraph graph, string name, string a, string b) => graph.Node(name, "Mul", [a, b]);

    public static string Div(this OnnxGraph graph, string name, string a, string b) => graph.Node(name, "Div", [a, b]);

    public static string MatMul(this OnnxGraph graph, string name, string a, string b) => graph.Node(name, "MatMul", [a, b]);

    public static string Softmax(this OnnxGraph graph, string name, string x) => graph.Node(name, "Softmax", [x], OnnxGraph.Attribute("axis", -1));

    public static string Transpose(this OnnxGraph graph, string name, string x, params ReadOnlySpan<long> permutation) =>
        graph.Node(name, "Transpose", [x], OnnxGraph.Attribute("perm", permutation));

    /// <summary>The same elements in another shape; 0 keeps the extent that is there, such as the batch's.</summary>
    public static string Reshape(this OnnxGraph graph, string name, string x, params ReadOnlySpan<long> shape) =>
        graph.Node(name, "Reshape", [x, graph.Integers(name + ".shape", shape)]);

    /// <summary>
    /// x·Wᵀ + b over the last dimension. The matrix is stored as MatMul takes it, [in, out], so that no runtime has to turn it round and
    /// tools that quantise find it.
    /// </summary>
    public static string Linear(this OnnxGraph graph, string name, string x, Weights weights)
    {
        using var scope = new TensorScope();
        var matrix = graph.Weight(name + ".weight", weights[name + ".weight"].Transpose(0, 1));
        if (!weights.ContainsKey(name + ".bias")) return graph.MatMul(name, x, matrix);
        return graph.Add(name, graph.MatMul(name + ".matmul", x, matrix), graph.Weight(name + ".bias", weights[name + ".bias"]));
    }

    /// <summary>Normalises the last dimension, then scales and shifts.</summary>
    public static string LayerNorm(this OnnxGraph graph, string name, string x, Weights weights, double eps) => graph.Node(
        name, "LayerNormalization",
        [x, graph.Weight(name + ".weight", weights[name + ".weight"]), graph.Weight(name + ".bias", weights[name + ".bias"])],
        OnnxGraph.Attribute("axis", -1), OnnxGraph.Attribute("epsilon", eps));

    /// <summary>Exact GELU: the operator, or below opset 20 x·(1 + erf(x/√2))·½, in the order that runtimes know to fuse.</summary>
    public static string Gelu(this OnnxGraph graph, string name, string x)
    {
        if (graph.Opset >= 20) return graph.Node(name, "Gelu", [x]);
        var erf = graph.Node(name + ".erf", "Erf", [graph.Div(name + ".scaled", x, graph.Scalar("gelu.sqrt_2", Math.Sqrt(2)))]);
        var gate = graph.Mul(name + ".gated", x, graph.Add(name + ".gate", erf, graph.Scalar("gelu.one", 1)));
        return graph.Mul(name, gate, graph.Scalar("gelu.half", 0.5));
    }

    /// <summary>Mean over dimension 1, which stays with size 1 or goes.</summary>
    public static string MeanOfTokens(this OnnxGraph graph, string name, string x, bool keepDim) => graph.Mean(name, x, axis: 1, keepDim);

    /// <summary>Mean over one dimension, which stays with size 1 or goes. From opset 18 on the dimensions are an input.</summary>
    public static string Mean(this OnnxGraph graph, string name, string x, long axis, bool keepDim = false) => graph.Opset >= 18
        ? graph.Node(name, "ReduceMean", [x, graph.Integers(name + ".axis", axis)], OnnxGraph.Attribute("keepdims", keepDim ? 1 : 0))
        : graph.Node(name, "ReduceMean", [x], OnnxGraph.Attribute("axes", [axis]), OnnxGraph.Attribute("keepdims", keepDim ? 1 : 0));

    /// <summary>One token of each image: [batch, D].</summary>
    public static string Token(this OnnxGraph graph, string name, string tokens, long index) =>
        graph.Node(name, "Gather", [tokens, graph.Index(name + ".index", index)], OnnxGraph.Attribute("axis", 1));

    /// <summary>The tokens from <paramref name="from"/> (inclusive) to <paramref name="to"/> (exclusive).</summary>
    public static string Tokens(this OnnxGraph graph, string name, string tokens, long from, long to) => graph.Node(
        name, "Slice", [tokens, graph.Integers(name + ".from", from), graph.Integers(name + ".to", to), graph.Integers("token_axis", 1)]);

    /// <summary>A parameter [1, ...] once for each image of <paramref name="batched"/>: [batch, ...].</summary>
    public static string PerImage(this OnnxGraph graph, string name, string parameter, string batched, params ReadOnlySpan<long> shape)
    {
        var batch = graph.Node(name + ".batch", "Shape", [batched], OnnxGraph.Attribute("start", 0), OnnxGraph.Attribute("end", 1));
        var full = graph.Node(name + ".shape", "Concat", [batch, graph.Integers(name + ".extents", shape)], OnnxGraph.Attribute("axis", 0));
        return graph.Node(name, "Expand", [parameter, full]);
    }
}
