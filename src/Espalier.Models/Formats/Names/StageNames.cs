using System.Globalization;

namespace Espalier.Models.Formats.Names;

/// <summary>
/// A Swin in timm's present layout: patch merging belongs to the stage it opens, and the head is <c>head.fc</c>. Microsoft's files, older ones of
/// timm and Hugging Face have it in the stage it closes, and <c>head</c>.
/// </summary>
internal static class StageNames
{
    private const string Layers = "layers.", Head = "head.", HeadLayer = "head.fc.", Downsample = "downsample";

    /// <summary>The names, where they are those of a Swin, in the present layout.</summary>
    public static IEnumerable<(string Theirs, string Ours)> Present(IReadOnlyList<(string Theirs, string Ours)> names)
    {
        if (!names.Any(n => n.Ours.StartsWith(Layers, StringComparison.Ordinal))) return names;
        // Nothing is merged before the first stage.
        var late = names.Any(n => n.Ours.StartsWith($"{Layers}0.{Downsample}.", StringComparison.Ordinal)) ? 1 : 0;
        return names.Select(n => (n.Theirs, Name(n.Ours, late)));
    }

    private static string Name(string name, int late) => name.Split('.', 4) switch
    {
        ["layers", var stage, Downsample, var rest] when int.TryParse(stage, NumberStyles.None, CultureInfo.InvariantCulture, out var s) => $"{Layers}{s + late}.{Downsample}.{rest}",
        ["head", "weight" or "bias"] => HeadLayer + name[Head.Length..],
        _ => name,
    };
}
