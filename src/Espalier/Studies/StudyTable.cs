using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Espalier.Models.Formats;

namespace Espalier.Studies;

/// <summary>What a study is told about itself besides its rows.</summary>
/// <param name="Study">The study.</param>
/// <param name="CommandLine">The command that ran it.</param>
/// <param name="Version">Of Espalier.</param>
public sealed record StudyHead(Study Study, string CommandLine, string Version);

/// <summary>Mean and spread of one group of rows that differ in their seed alone.</summary>
/// <param name="First">One of them.</param>
/// <param name="Seeds">How many there are.</param>
/// <param name="Numbers">Every column's mean and sample standard deviation; 0 of a single row.</param>
public sealed record StudyGroup(StudyRow First, int Seeds, ImmutableArray<(string Column, double Mean, double Deviation)> Numbers)
{
    /// <summary>A column's mean; null when the rows have no such number.</summary>
    public double? Mean(string column) => Numbers.FirstOrDefault(n => n.Column == column) is { Column: not null } found ? found.Mean : null;

    /// <summary>A column's spread.</summary>
    public double? Deviation(string column) => Numbers.FirstOrDefault(n => n.Column == column) is { Column: not null } found ? found.Deviation : null;
}

/// <summary>A study's one table, as <c>study.csv</c>, and with choices and means as <c>study.json</c>.</summary>
public static class StudyTable
{
    internal static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true, NewLine = "\n", PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The means over seeds of all rows that are done, in the order of the rows.</summary>
    public static ImmutableArray<StudyGroup> Groups(IEnumerable<StudyEntry> entries) =>
    [
        .. entries.Where(e => e.Status == StudyStatus.Done)
            .GroupBy(e => (e.Row.Model, e.Row.Method, e.Row.Switch, e.Row.Target, e.Row.Images))
            .Select(g => new StudyGroup(g.First().Row, g.Count(), [.. Spread(g.SelectMany(StudyNumbers.Of))])),
    ];

    /// <summary>Writes both files.</summary>
    public static void Write(string folder, StudyHead head, IReadOnlyList<StudyEntry> entries, IReadOnlyList<StudyChoice> choices)
    {
        List<JsonObject> rows = [.. entries.Select(Row)];
        AtomicFile.WriteText(Path.Combine(folder, "study.csv"), Csv(rows));
        AtomicFile.WriteText(Path.Combine(folder, "study.json"), new JsonObject
        {
            ["format_version"] = 1,
            ["study"] = head.Study.Name,
            ["form"] = head.Study.Form,
            ["about"] = head.Study.Definition.About,
            ["command_line"] = head.CommandLine,
            ["version"] = head.Version,
            ["variables"] = JsonSerializer.SerializeToNode(head.Study.Variables, Json),
            ["rows"] = new JsonArray([.. rows]),
            ["choices"] = JsonSerializer.SerializeToNode(choices, Json),
            ["means"] = new JsonArray([.. Groups(entries).Select(g => (JsonNode)Mean(g))]),
        }.ToJsonString(Json) + "\n");
    }

    /// <summary>A row as JSON: where it stands, how, and its numbers.</summary>
    public static JsonObject Row(StudyEntry entry)
    {
        var json = Place(entry.Row);
        json["seed"] = entry.Row.Seed;
        if (entry.Row.LearningRate is { } rate) json["learning_rate"] = rate;
        json["status"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(entry.Status.ToString());
        if (entry.Run is not null) json["run"] = entry.Run;
        if (entry.ThenRun is not null) json["then_run"] = entry.ThenRun;
        foreach (var (column, value) in StudyNumbers.Of(entry)) json[column] = value;
        if (entry.Error is not null) json["error"] = entry.Error;
        return json;
    }

    /// <summary>Rows as CSV (RFC 4180, line feeds): every column that any of them has.</summary>
    public static string Csv(IReadOnlyList<JsonObject> rows)
    {
        List<string> columns = [.. rows.SelectMany(r => r.Select(c => c.Key)).Distinct()];
        // The words about a failure come last, wherever the first failed row stands.
        if (columns.Remove("error")) columns.Add("error");
        var text = new StringBuilder().AppendJoin(',', columns).Append('\n');
        foreach (var row in rows) text.AppendJoin(',', columns.Select(c => Cell(row[c]))).Append('\n');
        return text.ToString();
    }

    private static JsonObject Mean(StudyGroup group)
    {
        var json = Place(group.First);
        json["seeds"] = group.Seeds;
        foreach (var (column, mean, deviation) in group.Numbers) json[column] = new JsonObject { ["mean"] = mean, ["sd"] = deviation };
        return json;
    }

    private static JsonObject Place(StudyRow row)
    {
        var json = new JsonObject { ["model"] = row.Model, ["method"] = row.Method };
        if (!string.IsNullOrEmpty(row.Switch)) json["switch"] = row.Switch;
        if (row.Target is not null) json["target"] = row.Target;
        if (row.Images is { } images) json["images"] = images;
        return json;
    }

    private static IEnumerable<(string, double, double)> Spread(IEnumerable<(string Column, double Value)> numbers) => numbers.GroupBy(n => n.Column).Select(g =>
    {
        double[] values = [.. g.Select(n => n.Value)];
        var mean = values.Average();
        return (g.Key, mean, values.Length > 1 ? Math.Sqrt(values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1)) : 0);
    });

    private static string Cell(JsonNode? node)
    {
        var text = node switch
        {
            null => "",
            JsonValue value when value.TryGetValue<double>(out var number) => number.ToString("R", CultureInfo.InvariantCulture),
            _ => node.ToString(),
        };
        return text.AsSpan().IndexOfAny(",\"\n\r") < 0 ? text : $"\"{text.Replace("\"", "\"\"")}\"";
    }
}
