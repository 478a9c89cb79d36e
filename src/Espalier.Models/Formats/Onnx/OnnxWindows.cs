using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>Windows and patch merging as nodes: step by step what <see cref="WindowLayout"/> and <see cref="VitForward.Downsample"/> compute.</summary>
internal static class OnnxWindows
{
    /// <summary>Tokens [batch, grid², D] to windows [batch·count, n, D].</summary>
    public static string SplitWindows(this OnnxGraph graph, string name, string tokens, WindowLayout layout, long width)
    {
        var x = graph.Roll(name + "rolled", graph.Reshape(name + "grid", tokens, 0, layout.Grid, layout.Grid, width), layout.Grid, layout.Shift);
        x = graph.PadGrid(name + "padded", x, layout.Padded - layout.Grid);
        x = graph.Reshape(name + "parted", x, 0, layout.PerRow, layout.Side, layout.PerRow, layout.Side, width);
        return graph.Reshape(name + "windows", graph.Transpose(name + "windows.apart", x, 0, 1, 3, 2, 4, 5), -1, layout.Size, width);
    }

    /// <summary>The inverse of <see cref="SplitWindows"/>.</summary>
    public static string JoinWindows(this OnnxGraph graph, string name, string windows, WindowLayout layout, long width)
    {
        var x = graph.Reshape(name + "windows.parted", windows, -1, layout.PerRow, layout.PerRow, layout.Side, layout.Side, width);
        x = graph.Reshape(name + "windows.beside", graph.Transpose(name + "windows.placed", x, 0, 1, 3, 2, 4, 5), 0, layout.Padded, layout.Padded, width);
        if (layout.Padded > layout.Grid)
            foreach (var axis in new[] { 1, 2 }) x = graph.Slice($"{name}cropped.{axis}", x, axis, 0, layout.Grid);
        x = graph.Roll(name + "unrolled", x, layout.Grid, layout.Shift > 0 ? layout.Grid - layout.Shift : 0);
        return graph.Reshape(name + "joined", x, 0, (long)layout.Grid * layout.Grid, width);
    }

    /// <summary>Adds the biases by relative position, and what hides tokens that only a roll brought together, to the logits.</summary>
    public static string Place(this OnnxGraph graph, string name, string logits, WindowLayout layout, Tensor table)
    {
        using var scope = new TensorScope();
        long heads = table.Size(1), n = layout.Size, count = layout.Count;
        var x = graph.Add(name + "placed", logits, graph.Weight(name + "relative_position_bias", layout.Bias(table.Detach())));
        if (layout.Shift == 0) return x;
        var hidden = graph.Floats($"hidden.{layout.Grid}.{layout.Side}.{layout.Shift}", [.. layout.Mask()], 1, count, 1, n, n);
        x = graph.Add(name + "hidden", graph.Reshape(name + "by_image", x, -1, count, heads, n, n), hidden);
        return graph.Reshape(name + "by_window", x, -1, heads, n, n);
    }

    /// <summary>2×2 neighbours side by side: [batch, grid², D] to [batch, half², 4·D].</summary>
    public static string Neighbours(this OnnxGraph graph, string name, string tokens, long grid, long half, long width)
    {
        var x = graph.PadGrid(name + "padded", graph.Reshape(name + "grid", tokens, 0, grid, grid, width), 2 * half - grid);
        x = graph.Transpose(name + "apart", graph.Reshape(name + "parted", x, 0, half, 2, half, 2, width), 0, 1, 3, 4, 2, 5);
        return graph.Reshape(name + "beside", x, 0, half * half, 4 * width);
    }

    // Zeros to the right and below of [batch, g, g, D].
    private static string PadGrid(this OnnxGraph graph, string name, string x, long by) =>
        by == 0 ? x : graph.Node(name, "Pad", [x, graph.Integers(name + ".by", 0, 0, 0, 0, 0, by, by, 0)]);

    // The first rows and columns go to the end.
    private static string Roll(this OnnxGraph graph, string name, string x, long grid, long by)
    {
        if (by == 0) return x;
        foreach (var axis in new[] { 1, 2 })
            x = graph.Node($"{name}.{axis}", "Concat",
                [graph.Slice($"{name}.{axis}.rest", x, axis, by, grid), graph.Slice($"{name}.{axis}.first", x, axis, 0, by)], OnnxGraph.Attribute("axis", axis));
        return x;
    }

    private static string Slice(this OnnxGraph graph, string name, string x, long axis, long from, long to) =>
        graph.Node(name, "Slice", [x, graph.Integers(name + ".from", from), graph.Integers(name + ".to", to), graph.Integers($"axis.{axis}", axis)]);
}
