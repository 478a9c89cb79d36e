namespace Espalier.Models.Formats.Onnx;

/// <summary>Merging of tokens as nodes: step by step what <c>TokenMerging</c> computes.</summary>
internal static class OnnxMerging
{
    /// <summary>Merges tokens; the results are [batch, n - count, …], prefix tokens first.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="name">What the names of all nodes begin with.</param>
    /// <param name="x">Tokens [batch, n, D].</param>
    /// <param name="sizes">How many each stands for, [batch, n, 1]; null: one each.</param>
    /// <param name="keys">[batch, heads, qk_dim, n].</param>
    /// <param name="shape">n, D, prefix tokens and how many go.</param>
    public static (string Tokens, string Sizes) MergeTokens(this OnnxGraph graph, string name, string x, string? sizes, string keys,
        (long Tokens, long Width, long Prefix, long Count) shape)
    {
        var (n, d, prefix, count) = shape;
        long sources = (n - prefix + 1) / 2, wide = d + 1;
        sizes ??= graph.PerImage(name + "ones", graph.Floats(name + "one", [1f], 1, 1, 1), x, n, 1);
        var (going, staying, targets) = graph.Match(name, keys, prefix, n, sources, count);
        var sums = graph.Beside(name + "sums", 2, graph.Mul(name + "weighted", x, sizes), sizes);
        var from = graph.EverySecond(name + "sources", sums, prefix, n);
        var merged = graph.Node(name + "merged", "ScatterElements",
            [graph.EverySecond(name + "targets", sums, prefix + 1, n), Rows("targets.rows", targets, count), Picked("gone", going, count)],
            OnnxGraph.Attribute("axis", 1), OnnxGraph.Attribute("reduction", "add"));
        string[] left = sources > count ? [Picked("stayed", staying, sources - count), merged] : [merged];
        sums = graph.Beside(name + "left", 1, prefix > 0 ? [graph.Tokens(name + "prefix", sums, 0, prefix), .. left] : left);
        var counts = graph.Node(name + "sizes", "Slice",
            [sums, graph.Integers(name + "width", d), graph.Integers(name + "width.end", wide), graph.Integers("channel_axis", 2)]);
        var total = graph.Node(name + "total", "Slice",
            [sums, graph.Integers("zero", 0), graph.Integers(name + "width", d), graph.Integers("channel_axis", 2)]);
        return (graph.Div(name + "tokens", total, counts), counts);

        // Indices [batch, k] as [batch, k, D + 1]: an element's own for each of its channels.
        string Rows(string rows, string indices, long k) => graph.Node(name + rows, "Expand",
            [graph.Reshape(name + rows + ".column", indices, 0, k, 1), graph.Integers(name + rows + ".extents", 1, k, wide)]);

        string Picked(string which, string indices, long k) => graph.Node(name + which, "GatherElements",
            [from, Rows(which + ".rows", indices, k)], OnnxGraph.Attribute("axis", 1));
    }

    private static (string Going, string Staying, string Targets) Match(this OnnxGraph graph, string name, string keys, long prefix, long n,
        long sources, long count)
    {
        var metric = graph.Transpose(name + "metric", graph.Mean(name + "keys", keys, axis: 1), 0, 2, 1);
        var norm = graph.Node(name + "norm", "Sqrt", [graph.Node(name + "squares", "ReduceSum",
            [graph.Mul(name + "squared", metric, metric), graph.Integers("last_axis", -1)], OnnxGraph.Attribute("keepdims", 1))]);
        metric = graph.Div(name + "directions", metric, norm);
        var scores = graph.MatMul(name + "likeness", graph.EverySecond(name + "looking", metric, prefix, n),
            graph.Transpose(name + "found", graph.EverySecond(name + "looked_at", metric, prefix + 1, n), 0, 2, 1));
        string[] best = [name + "best", name + "best.target"], order = [name + "ranked", name + "order"];
        graph.Nodes(best, "TopK", [scores, graph.Integers("one", 1)], TopK(largest: 1));
        graph.Nodes(order, "TopK", [graph.Reshape(name + "best.flat", best[0], 0, sources), graph.Integers(name + "all", sources)], TopK(largest: 1));
        var going = graph.Tokens(name + "going", order[1], 0, count);
        var targets = graph.Node(name + "going.targets", "GatherElements",
            [graph.Reshape(name + "best.target.flat", best[1], 0, sources), going], OnnxGraph.Attribute("axis", 1));
        if (sources == count) return (going, "", targets);
        string[] staying = [name + "staying", name + "staying.order"];
        graph.Nodes(staying, "TopK", [graph.Tokens(name + "not_going", order[1], count, sources), graph.Integers(name + "stay", sources - count)], TopK(largest: 0));
        return (going, staying[0], targets);
    }

    private static Proto.AttributeProto[] TopK(long largest) =>
        [OnnxGraph.Attribute("axis", -1), OnnxGraph.Attribute("largest", largest), OnnxGraph.Attribute("sorted", 1)];

    private static string EverySecond(this OnnxGraph graph, string name, string tokens, long from, long to) => graph.Node(name, "Slice",
        [tokens, graph.Integers(name + ".from", from), graph.Integers(name + ".to", to), graph.Integers("token_axis", 1), graph.Integers("two", 2)]);

    private static string Beside(this OnnxGraph graph, string name, long axis, params string[] parts) => parts.Length == 1 ? parts[0]
        : graph.Node(name, "Concat", parts, OnnxGraph.Attribute("axis", axis));
}
