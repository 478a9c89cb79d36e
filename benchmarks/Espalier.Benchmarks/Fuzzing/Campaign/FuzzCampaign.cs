using System.Collections.Immutable;
using System.Diagnostics;
using System.Text.Json;
using Espalier.Models.Formats;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>How far a parser has come: <c>OUT/PARSER.json</c>.</summary>
internal sealed record FuzzCount(string Parser, long Inputs, long Accepted, long Refused, long Findings, double Seconds, double SlowestMilliseconds, long MostResidentBytes);

/// <summary>Feeds parsers in pieces, each going on where the last one ended; what must not be is kept under <c>OUT/findings</c>.</summary>
internal static class FuzzCampaign
{
    private const int SaveEvery = 5000;
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, WriteIndented = true };

    /// <summary>Reads <paramref name="count"/> more inputs per parser; true when none of them is a finding.</summary>
    public static bool Run(string output, string which, long count)
    {
        Directory.CreateDirectory(Path.Combine(output, "findings"));
        using var folder = new FuzzFolder();
        var targets = new FuzzTargets(folder, Path.Combine(Environment.GetEnvironmentVariable("ESPALIER_HOME") ?? ".", "tests/Espalier.Models.Tests/Data/Fixtures"), PyTorchSeeds.In(output));
        ImmutableArray<FuzzTarget> parsers = targets.Parsers(), images = targets.Images();
        List<FuzzTarget> chosen = [.. parsers.Concat(images).Where(t => which == "all" || which == t.Name || (which == "parsers" && parsers.Contains(t)) || (which == "images" && images.Contains(t)))];
        if (chosen.Count == 0) throw new UsageException($"There is no parser '{which}'; there are {string.Join(", ", parsers.Concat(images).Select(t => t.Name))}.");
        var clean = true;
        foreach (var target in chosen) clean &= Feed(target, output, count);
        Console.WriteLine(Table(output));
        return clean;
    }

    private static bool Feed(FuzzTarget target, string output, long count)
    {
        var path = Path.Combine(output, $"{target.Name}.json");
        var so = File.Exists(path) ? JsonSerializer.Deserialize<FuzzCount>(SmallFile.ReadText(path), s_json)! : new FuzzCount(target.Name, 0, 0, 0, 0, 0, 0, 0);
        var (begun, before, findings) = (Stopwatch.StartNew(), so.Seconds, so.Findings);
        for (var last = so.Inputs + count; so.Inputs < last;)
        {
            var input = target.Input(so.Inputs);
            var (end, fault, time) = FuzzRunner.Run(target, input);
            if (end == FuzzEnd.Finding)
            {
                var name = Path.Combine(output, "findings", $"{target.Name}-{so.Inputs}");
                File.WriteAllBytes(name, input);
                File.WriteAllText($"{name}.txt", fault);
                Console.Error.WriteLine($"{target.Name} {so.Inputs}: {fault!.Split('\n')[0]}");
            }
            so = so with
            {
                Inputs = so.Inputs + 1, Accepted = so.Accepted + (end == FuzzEnd.Accepted ? 1 : 0), Refused = so.Refused + (end == FuzzEnd.Refused ? 1 : 0),
                Findings = so.Findings + (end == FuzzEnd.Finding ? 1 : 0), SlowestMilliseconds = Math.Max(so.SlowestMilliseconds, time.TotalMilliseconds),
            };
            if (so.Inputs % SaveEvery != 0 && so.Inputs != last) continue;
            so = so with { Seconds = before + begun.Elapsed.TotalSeconds, MostResidentBytes = Math.Max(so.MostResidentBytes, Machine.ResidentBytes(peak: true)) };
            AtomicFile.WriteText(path, JsonSerializer.Serialize(so, s_json));
        }
        return so.Findings == findings;
    }

    /// <summary>All parsers so far, as a table in Markdown.</summary>
    private static string Table(string output)
    {
        List<FuzzCount> counts = [.. Directory.EnumerateFiles(output, "*.json").Order(StringComparer.Ordinal).Select(f => JsonSerializer.Deserialize<FuzzCount>(File.ReadAllText(f), s_json)!)];
        return string.Join('\n',
        [
            "| parser | inputs | read | refused | findings | inputs/s | slowest, ms |", "|---|---:|---:|---:|---:|---:|---:|",
            .. counts.Select(c => FormattableString.Invariant($"| {c.Parser} | {c.Inputs:N0} | {c.Accepted:N0} | {c.Refused:N0} | {c.Findings} | {c.Inputs / Math.Max(c.Seconds, 1e-9):N0} | {c.SlowestMilliseconds:0} |")),
        ]);
    }
}
