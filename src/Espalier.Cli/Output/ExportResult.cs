using System.Collections.Immutable;
using System.Globalization;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>export</c>.</summary>
/// <param name="Output">The file.</param>
/// <param name="Opset">Its operator set.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="MaxDifference">Largest difference of a logit from the model's own, as a share of the largest logit.</param>
/// <param name="VerifiedBy">What ran it: <c>espalier</c>, and <c>onnxruntime</c> with <c>--verify</c>.</param>
public sealed record ExportResult(string Output, int Opset, long Bytes, double MaxDifference, ImmutableArray<string> VerifiedBy) : CommandResult
{
    public override void Write(IAnsiConsole console) => console.WriteText(
        $"Opset {Opset}, {Tables.Count(Bytes)} bytes; logits differ by at most "
        + $"{MaxDifference.ToString("0.#e0", CultureInfo.InvariantCulture)} of the largest, run in {string.Join(" and ", VerifiedBy)}. Written to {Output}");
}
