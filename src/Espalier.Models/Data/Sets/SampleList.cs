using System.Text;
using Espalier.Models.Formats;

namespace Espalier.Models.Data;

/// <summary>
/// The file <c>samples.txt</c>: the id of each chosen image on a line of its own, in order, so that a run can be repeated
/// exactly. A line break within an id is written as <c>\n</c> or <c>\r</c>, a backslash as two.
/// </summary>
public static class SampleList
{
    private const long MaxBytes = 1 << 30;

    /// <summary>The file's text for the items at <paramref name="indices"/>.</summary>
    public static string Format(ImageDataset dataset, IEnumerable<int> indices)
    {
        var text = new StringBuilder();
        foreach (var i in indices) text.Append(Escape(dataset.Items[i].Id)).Append('\n');
        return text.ToString();
    }

    /// <summary>Writes the list; the file appears whole or not at all.</summary>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public static void Write(string path, ImageDataset dataset, IEnumerable<int> indices) =>
        AtomicFile.WriteText(path, Format(dataset, indices));

    /// <summary>
    /// Reads a list back as indices into <paramref name="dataset"/>. Lines of the form "path label" are understood too: the label
    /// is left off. Empty lines are skipped.
    /// </summary>
    /// <exception cref="InputException">Unreadable, empty, an id that the set does not have, or one that comes twice.</exception>
    public static int[] Read(string path, ImageDataset dataset)
    {
        var lines = SmallFile.ReadText(path, MaxBytes).Split('\n');
        var index = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < dataset.Count; i++) index[dataset.Items[i].Id] = i;
        var result = new List<int>();
        var seen = new HashSet<int>();
        for (var number = 1; number <= lines.Length; number++)
        {
            var (whole, line) = (lines[number - 1], lines[number - 1].Trim());
            if (line.Length == 0) continue;
            if (!index.TryGetValue(Unescape(whole), out var i) && !index.TryGetValue(whole, out i) && !index.TryGetValue(line, out i)
                && !(line.LastIndexOf(' ') is > 0 and var space && index.TryGetValue(line[..space], out i)))
                throw new InputException($"{path}:{number}: {line} is not an image of {dataset.Name}.");
            if (!seen.Add(i)) throw new InputException($"{path}:{number}: {line} is listed a second time.");
            result.Add(i);
        }
        return result.Count > 0 ? [.. result] : throw new InputException($"{path}: lists no images.");
    }

    private static string Escape(string id) => id.Replace("\\", "\\\\").Replace("\n", "\\n").Replace("\r", "\\r");

    private static string Unescape(string line)
    {
        if (!line.Contains('\\')) return line;
        var text = new StringBuilder();
        for (var k = 0; k < line.Length; k++)
        {
            var next = line[k] == '\\' && k + 1 < line.Length ? line[k + 1] : default;
            if (next is 'n' or 'r' or '\\')
            {
                text.Append(next switch { 'n' => '\n', 'r' => '\r', _ => '\\' });
                k++;
            }
            else text.Append(line[k]);
        }
        return text.ToString();
    }
}
