using System.Collections.Immutable;

namespace Espalier.Reports;

/// <summary>What the parts of a report that was read must agree on before a page is drawn from them.</summary>
internal static class ReportCheck
{
    private const int MostBlocks = 4096, MostHeads = 1024, MostTokens = 1 << 20;

    /// <summary>What is wrong, in words; null when nothing is.</summary>
    internal static string? Fault(RunReport report) =>
        Blocks("structure_before", report.StructureBefore) ?? Blocks("structure", report.Structure)
        ?? report.Family.Select(m => !double.IsFinite(m.Keep) ? "a member of the family keeps no number" : Blocks("structure of a member of the family", m.Structure)).FirstOrDefault(fault => fault is not null)
        ?? (report.History is { } history ? History(history) : null)
        ?? (double.IsFinite(report.Seconds) ? null : "seconds is no number") ?? (report.Tokens is < 0 or > MostTokens ? $"tokens is {report.Tokens}" : null);

    private static string? Blocks(string what, ImmutableArray<ReportBlock> blocks)
    {
        if (blocks.Length > MostBlocks) return $"{what} has {blocks.Length} blocks";
        for (var i = 0; i < blocks.Length; i++)
            if (blocks[i].Index != i || blocks[i] is not { Heads: >= 0 and <= MostHeads, QkDim: >= 0, VDim: >= 0, MlpHidden: >= 0 }) return $"{what} has a block {blocks[i].Index} that cannot be at place {i}";
        return null;
    }

    private static string? History(ReportHistory history)
    {
        if (history.Submodules.IsDefault || history.Moments.IsDefault) return "history lacks its submodules or moments";
        if (history.Submodules.Any(s => s.Size <= 0)) return "a submodule of the history has no size";
        return history.Moments.Any(m => m.Sizes.IsDefault || m.Sizes.Length != history.Submodules.Length || !m.Sizes.All(double.IsFinite)) ? "a moment of the history has not one size for every submodule" : null;
    }
}
