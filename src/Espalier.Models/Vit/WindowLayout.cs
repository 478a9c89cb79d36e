using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>
/// How the tokens of a square grid are divided into windows (Swin, §3.2). Windows may be shifted: the grid is then rolled, and tokens that only
/// the roll brought together do not see each other. A grid that windows do not divide is padded with zeros on the right and below, after the
/// roll; a grid no larger than a window is one window, not shifted. All as in timm.
/// </summary>
public sealed class WindowLayout
{
    private const float Unseen = -100;
    private readonly int _table;

    private WindowLayout(int grid, int window, int shift)
    {
        (Grid, _table, Side, Shift) = (grid, window, Math.Min(window, grid), grid <= window ? 0 : shift);
        PerRow = (grid + Side - 1) / Side;
    }

    /// <summary>Tokens along one side of the grid.</summary>
    public int Grid { get; }

    /// <summary>Tokens along one side of a window.</summary>
    public int Side { get; }

    /// <summary>Tokens by which the grid is rolled.</summary>
    public int Shift { get; }

    /// <summary>Windows along one side.</summary>
    public int PerRow { get; }

    /// <summary>Windows.</summary>
    public int Count => PerRow * PerRow;

    /// <summary>Tokens of one window, n.</summary>
    public int Size => Side * Side;

    /// <summary>Tokens of all windows along one side: the grid, padded.</summary>
    public int Padded => PerRow * Side;

    /// <summary>Differences that the positions of two tokens of a window may have, (2·window − 1)²: rows of the bias table.</summary>
    public static int Offsets(int window) => (2 * window - 1) * (2 * window - 1);

    /// <summary>The windows of a block on a square number of tokens; null when its attention sees all of them.</summary>
    public static WindowLayout? Of(VitBlock block, long tokens) =>
        block.HasWindows ? new WindowLayout((int)Math.Round(Math.Sqrt(tokens)), block.Window, block.Shift) : null;

    /// <summary>Tokens [B, grid², D] to windows [B·count, n, D], those of an image side by side.</summary>
    public Tensor Split(Tensor tokens)
    {
        var (b, d) = (tokens.Size(0), tokens.Size(2));
        var x = tokens.Reshape(b, Grid, Grid, d);
        if (Shift > 0) x = x.Roll([-Shift, -Shift], [1, 2]);
        if (Padded > Grid) x = x.Pad(0, 0, 0, Padded - Grid, 0, Padded - Grid);
        return x.Reshape(b, PerRow, Side, PerRow, Side, d).Permute(0, 1, 3, 2, 4, 5).Reshape(b * Count, Size, d);
    }

    /// <summary>The inverse of <see cref="Split"/>; what stands in the padding goes.</summary>
    public Tensor Join(Tensor windows)
    {
        var (b, d) = (windows.Size(0) / Count, windows.Size(2));
        var x = windows.Reshape(b, PerRow, PerRow, Side, Side, d).Permute(0, 1, 3, 2, 4, 5).Reshape(b, Padded, Padded, d);
        if (Padded > Grid) x = x.Narrow(1, 0, Grid).Narrow(2, 0, Grid);
        if (Shift > 0) x = x.Roll([Shift, Shift], [1, 2]);
        return x.Reshape(b, (long)Grid * Grid, d);
    }

    /// <summary>Adds to the logits [B·count, heads, n, n] the bias of each pair's relative position, and hides what a roll brought together.</summary>
    /// <param name="logits">Query by key.</param>
    /// <param name="table"><c>relative_position_bias_table</c>.</param>
    public Tensor Place(Tensor logits, Tensor table)
    {
        logits += Bias(table);
        if (Shift == 0) return logits;
        var regions = Tensor.From<float>(Regions(), [Count, 1, Size]).To(logits.Device);
        var hidden = (regions - regions.Transpose(1, 2)).Abs().Clamp(0, 1) * Unseen;
        return (logits.Reshape(-1, Count, logits.Size(1), Size, Size) + hidden.Reshape(1, Count, 1, Size, Size)).Reshape([.. logits.Shape]);
    }

    /// <summary>The bias of every pair of a window, [1, heads, n, n].</summary>
    public Tensor Bias(Tensor table) => table.IndexSelect(0, Pairs()).Reshape(Size, Size, -1).Permute(2, 0, 1).Reshape(1, -1, Size, Size);

    /// <summary>What hides tokens from each other in a shifted layout, [count, n, n]: 0, or −100.</summary>
    public float[] Mask()
    {
        var regions = Regions();
        return [.. from window in Enumerable.Range(0, Count) from query in Enumerable.Range(0, Size) from key in Enumerable.Range(0, Size)
                   select regions[window * Size + query] == regions[window * Size + key] ? 0 : Unseen];
    }

    // The row of the table for every (query, key). A window that the grid made smaller than the table uses its middle.
    private int[] Pairs()
    {
        var (row, middle) = (2 * _table - 1, _table - 1);
        return [.. from query in Enumerable.Range(0, Size) from key in Enumerable.Range(0, Size)
                   select (query / Side - key / Side + middle) * row + query % Side - key % Side + middle];
    }

    // Which of nine regions, by where they lay before the roll, every token of every window belongs to.
    private float[] Regions()
    {
        return [.. from window in Enumerable.Range(0, Count) from token in Enumerable.Range(0, Size)
                   select (float)(3 * Band(window / PerRow * Side + token / Side) + Band(window % PerRow * Side + token % Side))];

        int Band(int at) => at < Padded - Side ? 0 : at < Padded - Shift ? 1 : 2;
    }
}
