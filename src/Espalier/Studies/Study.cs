using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Espalier.Reports;

namespace Espalier.Studies;

/// <summary>A study with its variables filled in, as rows.</summary>
/// <param name="Path">The file; words of it that begin with <c>./</c> or <c>../</c> are paths from its folder.</param>
/// <param name="Form">The form it is run in; null as it stands.</param>
/// <param name="Definition">The file.</param>
/// <param name="Variables">Every variable's value.</param>
public sealed partial record Study(string Path, string? Form, StudyDefinition Definition, ImmutableSortedDictionary<string, string> Variables)
{
    private const int MostRows = 100_000;

    /// <summary>Name of the file, without its ending.</summary>
    public string Name => System.IO.Path.GetFileNameWithoutExtension(Path);

    /// <summary>All rows in the order in which they are run: a whole table for the first seed, then for the next.</summary>
    /// <exception cref="InputException">The study has no row, or names a variable it does not have.</exception>
    public ImmutableArray<StudyRow> Rows()
    {
        var d = Definition;
        // Six lists of a thousand each are a small file.
        var most = d.Methods.Values.Sum(m => (double)d.Seeds.Length * d.Models.Length * Math.Max(1, (m.Targets ?? d.Targets).Length) * Math.Max(1, (m.Images ?? d.Images).Length)
            * Math.Max(1, (m.Switches ?? d.Switches).Count));
        if (most > MostRows) throw new InputException($"{Path}: the study has {most:0} rows, where {MostRows} are the most that are run.");
        ImmutableArray<StudyRow> rows =
        [
            .. from seed in d.Seeds
               from model in d.Models
               from method in d.Methods
               from target in OrNone(method.Value.Targets ?? d.Targets)
               from images in OrNone(method.Value.Images ?? d.Images)
               from extra in OrNone((method.Value.Switches ?? d.Switches).Select(s => (KeyValuePair<string, string>?)s))
               select Row(model, method, target, images, extra, seed),
        ];
        return rows.IsEmpty ? throw new InputException($"{Path}: the study has no rows; it needs models, methods and seeds.")
            // The given model is the same at every target and for all numbers of images.
            : [.. rows.DistinctBy(r => r.Id)];
    }

    /// <summary>The runs among which the learning rate of a row is chosen, by rate; empty when it is not.</summary>
    /// <param name="row">A row.</param>
    /// <param name="all">All rows: the first one like it along the axes of the choice stands for them.</param>
    public ImmutableArray<StudyRow> Candidates(StudyRow row, IEnumerable<StudyRow> all)
    {
        if (Definition.LearningRates is not { } grid || !row.Tuned) return [];
        var first = all.First(r => r.Tuned && grid.Per.All(axis => r.On(axis) == row.On(axis)));
        var shared = grid.Shared is null ? [] : Words(grid.Shared);
        var own = grid.Shared is null ? first.Arguments : [.. OwnArguments(first), .. shared];
        return [.. grid.Grid.Select(rate => first with { Arguments = [.. CommandLineText.Without(own, ["--eval"])], Seed = grid.Seed, LearningRate = rate, Then = null })];
    }

    /// <summary>The words of a text with arguments, variables filled in; a value with spaces stays one word.</summary>
    /// <exception cref="InputException">There is no such variable.</exception>
    public ImmutableArray<string> Words(string text) => [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Fill)];

    private StudyRow Row(string model, KeyValuePair<string, StudyMethod> method, string? target, int? images, KeyValuePair<string, string>? extra, long seed)
    {
        var m = method.Value;
        var row = new StudyRow
        {
            Command = m.Dense ? null : m.Command ?? Definition.Command,
            Model = Fill(model),
            Method = method.Key,
            Target = m.Dense ? null : target,
            Images = m.Dense ? null : images,
            Switch = m.Dense ? null : extra?.Key,
            Seed = seed,
            Tuned = m is { Tuned: true, Dense: false } && Definition.LearningRates is not null,
            Arguments = [],
            Then = (m.Then ?? Definition.Then) is { } then ? (then.Command, Words(then.Arguments)) : null,
        };
        return m.Dense ? row : row with { Arguments = [.. OwnArguments(row), .. Words(m.Shared ?? Definition.Arguments)] };
    }

    // What makes the row what it is, without what all rows share.
    private ImmutableArray<string> OwnArguments(StudyRow row)
    {
        var method = Definition.Methods[row.Method];
        return
        [
            .. Words(row.Target ?? ""), .. Words(method.Arguments),
            .. row.Switch is { } name ? Words((method.Switches ?? Definition.Switches)[name]) : [],
            .. row.Images is { } n ? ["-n", $"{n}"] : Array.Empty<string>(),
        ];
    }

    private string Fill(string word) => Variable().Replace(FromFolder(Path, word), match => Variables.TryGetValue(match.Groups[1].Value, out var value) ? value
        : throw new InputException($"{Path}: there is no variable {match.Value}; variables are declared under \"variables\"."));

    // As in a shell, only what begins with a dot is surely a path.
    internal static string FromFolder(string file, string word) =>
        word.StartsWith("./", StringComparison.Ordinal) || word.StartsWith("../", StringComparison.Ordinal)
            ? System.IO.Path.GetFullPath(System.IO.Path.Combine(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(file))!, word)) : word;

    private static IEnumerable<string?> OrNone(ImmutableArray<string> values) => values.IsEmpty ? new string?[] { null } : values;

    private static IEnumerable<int?> OrNone(ImmutableArray<int> values) => values.IsEmpty ? [null] : values.Select(v => (int?)v);

    private static IEnumerable<KeyValuePair<string, string>?> OrNone(IEnumerable<KeyValuePair<string, string>?> values) => values.DefaultIfEmpty(null);

    [GeneratedRegex(@"\{([A-Za-z_][A-Za-z0-9_]*)\}")]
    private static partial Regex Variable();
}
