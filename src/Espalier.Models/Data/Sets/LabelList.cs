using System.Collections.Immutable;
using System.Globalization;
using Espalier.Models.Formats;

namespace Espalier.Models.Data;

/// <summary>
/// The file <c>labels.txt</c>: a line "path label" for each image, the label being the number after the last space.
/// </summary>
internal static class LabelList
{
    public const string FileName = "labels.txt";

    private const long MaxBytes = 1 << 30;

    /// <summary>Labels above this are surely a mistake.</summary>
    private const int MaxLabel = 1_000_000;

    public static ImmutableArray<ImageItem> Read(string folder, string file)
    {
        var items = ImmutableArray.CreateBuilder<ImageItem>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var number = 0;
        using var lines = new StringReader(SmallFile.ReadText(file, MaxBytes));
        while (lines.ReadLine() is { } raw)
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0) continue;

            var space = line.LastIndexOf(' ');
            if (space <= 0
                || !int.TryParse(line.AsSpan(space + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var label))
                throw Fault("is not of the form \"path label\" with a whole number from 0 as label");
            if (label > MaxLabel) throw Fault($"has label {label}, over the limit of {MaxLabel}");
            var id = line[..space].TrimEnd().Replace('\\', '/');
            if (!seen.Add(id)) throw Fault($"lists {id} a second time");
            if (Path.IsPathRooted(id) || id.Split('/').Contains("..")) throw Fault($"lists {id}, which points outside of the folder");
            var path = Path.Combine(folder, id);
            if (!File.Exists(path)) throw Fault($"lists {id}, which does not exist");
            items.Add(new ImageFileItem(id, label, path));
        }
        return items.Count > 0 ? items.ToImmutable() : throw new InputException($"{file}: lists no images.");

        InputException Fault(string what) => new($"{file}:{number}: the line {what}.");
    }
}
