using System.Collections.Immutable;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Espalier.Studies;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>study</c>.</summary>
/// <param name="Commands">The rows as command lines; only with <c>--list</c>.</param>
public sealed record StudyResult(ImmutableArray<string> Commands) : CommandResult
{
    public string? Output { get; init; }

    public int? Rows { get; init; }

    /// <summary>The rows of <c>study.json</c>.</summary>
    public ImmutableArray<JsonObject>? Table { get; init; }

    [JsonIgnore]
    public ImmutableArray<StudyGroup> Groups { get; init; } = [];

    public override void Write(IAnsiConsole console)
    {
        foreach (var command in Commands) console.WriteText(command.Length > 0 ? command : "(the model as it is)");
        if (Output is null)
        {
            console.WriteText($"{Commands.Length} rows");
            return;
        }
        var several = Groups.Select(g => g.First.Model).Distinct().Count() > 1;
        console.WriteTable(["method", "target", "images", "seeds", "MACs (budget)", "top-1", "KL, held out"], Groups.Select(g => (IReadOnlyList<string>)
        [
            string.Join(' ', new[] { several ? StudyHtml.ModelName(g.First.Model) : null, g.First.Method, g.First.Switch }.Where(s => !string.IsNullOrEmpty(s))), g.First.Target ?? "–", g.First.Images is { } n ? $"{n}" : "–", $"{g.Seeds}",
            g.Mean("macs_budget_share") is { } share ? Tables.Percent(share) : "–", g.Mean("top1") is { } top1 ? Tables.Percent(top1) : "–",
            g.Mean("held_out_kl") is { } kl ? Tables.Number(kl) : "–",
        ]));
        console.WriteText($"{Rows} rows. Written to {Output}");
    }
}
