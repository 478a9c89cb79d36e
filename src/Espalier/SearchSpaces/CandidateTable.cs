using System.Collections.Immutable;

namespace Espalier.SearchSpaces;

/// <summary>
/// The sizes a submodule may be cut to: heads × channels per head, each ascending. One head stands for what has none, so that
/// all three kinds of submodules are tables. The largest size is always the physical one. Candidates are numbered row by row.
/// </summary>
public sealed record CandidateTable
{
    /// <summary>Head counts; [1] for the embedding and MLPs.</summary>
    public required ImmutableArray<int> Heads { get; init; }

    /// <summary>Channels per head, or units.</summary>
    public required ImmutableArray<int> Dims { get; init; }

    /// <summary>Which candidates are still in the game.</summary>
    public required ImmutableArray<bool> Live { get; init; }

    public int Count => Live.Length;

    /// <summary>n: how many are left.</summary>
    public int LiveCount => Live.Count(l => l);

    public IEnumerable<int> LiveOnes => Enumerable.Range(0, Count).Where(c => Live[c]);

    /// <summary>Physical heads.</summary>
    public int MostHeads => Heads[^1];

    /// <summary>Physical channels per head.</summary>
    public int MostDims => Dims[^1];

    /// <summary>Physical units.</summary>
    public int Units => MostHeads * MostDims;

    public bool IsDecided => LiveCount == 1;

    public int HeadsOf(int candidate) => Heads[candidate / Dims.Length];

    public int DimsOf(int candidate) => Dims[candidate % Dims.Length];

    /// <summary>Units that a candidate keeps.</summary>
    public int SizeOf(int candidate) => HeadsOf(candidate) * DimsOf(candidate);

    /// <summary>Expected number of kept units, Σ p·n.</summary>
    /// <param name="p">Probabilities of all candidates.</param>
    public double ExpectedSize(double[] p) => LiveOnes.Sum(c => p[c] * SizeOf(c));

    /// <summary>Residual channels: from half of them on, by a thirty-second (at most 12).</summary>
    public static CandidateTable Embed(int width) => Grid([1], Steps(width / 2, Math.Min(width / 32, 12), width));

    /// <summary>
    /// Even head counts (every one when their number is odd) times a quarter to all of the channels by eighths.
    /// </summary>
    public static CandidateTable Attention(int heads, int dim) =>
        Grid(heads % 2 == 0 ? Steps(2, 2, heads) : Steps(1, 1, heads), Steps(dim / 4, dim / 8, dim));

    /// <summary>A quarter to all of the hidden units by eighths.</summary>
    public static CandidateTable Mlp(int hidden) => Grid([1], Steps(hidden / 4, hidden / 8, hidden));

    /// <summary>Every pair of the given sizes, all live.</summary>
    public static CandidateTable Grid(ImmutableArray<int> heads, ImmutableArray<int> dims) =>
        new() { Heads = heads, Dims = dims, Live = [.. Enumerable.Repeat(true, heads.Length * dims.Length)] };

    /// <summary>The one size that is left.</summary>
    public static CandidateTable Decided(int heads, int dims) => Grid([heads], [dims]);

    /// <summary>The table after some candidates died. The last one cannot die.</summary>
    /// <exception cref="ArgumentException">None would be left.</exception>
    public CandidateTable Without(IReadOnlyCollection<int> dead)
    {
        var live = Live.Select((l, c) => l && !dead.Contains(c)).ToImmutableArray();
        return live.Contains(true) ? this with { Live = live } : throw new ArgumentException("A submodule must keep at least one candidate.");
    }

    /// <summary>The table with one candidate alone.</summary>
    public CandidateTable Only(int candidate) => Without([.. LiveOnes.Where(c => c != candidate)]);

    /// <summary>
    /// Rows and columns up to the largest live head count and size; when one candidate is left, itself alone. The kept rows and columns
    /// come with it, for whatever is stored per candidate.
    /// </summary>
    public (CandidateTable Table, int[] Rows, int[] Columns) Box()
    {
        var live = LiveOnes.ToList();
        int lastRow = live.Max(c => c / Dims.Length), lastColumn = live.Max(c => c % Dims.Length);
        int[] rows = IsDecided ? [lastRow] : [.. Enumerable.Range(0, lastRow + 1)];
        int[] columns = IsDecided ? [lastColumn] : [.. Enumerable.Range(0, lastColumn + 1)];
        var table = new CandidateTable
        {
            Heads = [.. rows.Select(r => Heads[r])],
            Dims = [.. columns.Select(c => Dims[c])],
            Live = [.. rows.SelectMany(r => columns.Select(c => Live[r * Dims.Length + c]))],
        };
        return (table, rows, columns);
    }

    // A step of at least 1, and the dense size even where the grid misses it.
    private static ImmutableArray<int> Steps(int first, int step, int last)
    {
        (first, step) = (Math.Max(1, first), Math.Max(1, step));
        var sizes = Enumerable.Range(0, (last - first) / step + 1).Select(k => first + k * step).ToList();
        if (sizes[^1] != last) sizes.Add(last);
        return [.. sizes];
    }
}
