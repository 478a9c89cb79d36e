using System.Collections.Immutable;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>inspect</c>.</summary>
public sealed record InspectResult : CommandResult
{
    public required string Architecture { get; init; }

    public required long Params { get; init; }

    public required long MacsBudget { get; init; }

    public required long MacsFull { get; init; }

    public required ImmutableArray<BlockResult> Blocks { get; init; }

    public required PreprocessingResult Preprocessing { get; init; }

    public required int Classes { get; init; }

    public required int EmbedDim { get; init; }

    /// <summary>Side of a patch; null in a network without patches.</summary>
    public int? PatchSize { get; init; }

    /// <summary>Where the weights come from: <c>file</c> or <c>random</c>.</summary>
    public required string Weights { get; init; }

    /// <summary>What the head count rests on, when it had to be inferred.</summary>
    public string? HeadCount { get; init; }

    /// <summary>Names and entry the weights were found under, when they are not plain.</summary>
    public string? ReadAs { get; init; }

    /// <summary>What is other than in the original Vision Transformer; empty when nothing is.</summary>
    public ImmutableArray<string> Traits { get; init; } = [];

    public override void Write(IAnsiConsole console)
    {
        console.WriteText($"{Architecture}: width {EmbedDim}, {Blocks.Length} blocks, {(PatchSize is { } patch ? $"patch {patch}, " : "")}{Classes} classes{(Weights == "random" ? ", random weights" : "")}");
        if (Traits.Length > 0) console.WriteText($"With {string.Join(", ", Traits)}.");
        if (ReadAs is not null) console.WriteText($"Weights read as: {ReadAs}.");
        if (HeadCount is not null) console.WriteText($"Head count from {HeadCount}.");
        console.WriteText(
            $"Input {Preprocessing.Size}×{Preprocessing.Size}, shortest side resized to {Preprocessing.Resize} ({Preprocessing.Interpolation}), centre crop {Tables.Number(Preprocessing.Crop)}, "
            + $"mean {List(Preprocessing.Mean)}, std {List(Preprocessing.Std)}");
        var isConvolutional = Blocks.Any(b => b.Inputs is not null);
        IReadOnlyList<string> names = isConvolutional ? ["in", "hidden", "out", "stride"]
            : ["heads", "q/k dim", "v dim", "MLP", .. Optional("mixer rank", "merged")];
        IReadOnlyList<string> total = ["all", "", .. names.Select(_ => ""), Tables.Count(Params), Tables.Count(MacsBudget), Tables.Count(MacsFull)];
        console.WriteTable(["block", "kind", .. names, "params", "MACs (budget)", "MACs (full)"],
            Blocks.Select(b => (IReadOnlyList<string>)
            [
                $"{b.Index}", b.Kind,
                .. isConvolutional ? [$"{b.Inputs}", $"{b.Hidden}", $"{b.Outputs}", $"{b.Stride}"]
                    : (string[])[$"{b.Heads}", $"{b.QkDim}", $"{b.VDim}", $"{b.MlpHidden}", .. Optional($"{b.MixerRank}", $"{b.TokensMerged}")],
                Tables.Count(b.Params), Tables.Count(b.MacsBudget), Tables.Count(b.MacsFull),
            ])
            .Append(total));
    }

    /// <summary>The cells of columns that few models need.</summary>
    private IEnumerable<string> Optional(string mixer, string merged) =>
        [.. Blocks.Any(b => b.MixerRank is not null) ? [mixer] : Array.Empty<string>(), .. Blocks.Any(b => b.TokensMerged is not null) ? [merged] : Array.Empty<string>()];

    private static string List(ImmutableArray<double> values) => string.Join('/', values.Select(Tables.Number));
}

/// <summary>
/// One block of <c>inspect</c>; <c>mixer_rank</c> is only there when the block has a token mixer, <c>tokens_merged</c> when it merges tokens, channels
/// and stride when it is convolutional.
/// </summary>
public sealed record BlockResult(
    int Index, string Kind, int Heads, int QkDim, int VDim, int MlpHidden, long Params, long MacsBudget, long MacsFull, int? MixerRank = null, int? TokensMerged = null)
{
    public int? Inputs { get; init; }

    public int? Hidden { get; init; }

    public int? Outputs { get; init; }

    public int? Stride { get; init; }
}

/// <summary>The preprocessing of <c>inspect</c>.</summary>
public sealed record PreprocessingResult(int Size, int Resize, double Crop, string Interpolation, ImmutableArray<double> Mean, ImmutableArray<double> Std);
