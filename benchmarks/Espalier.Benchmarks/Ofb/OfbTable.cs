using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Ofb;

namespace Espalier.Benchmarks.Ofb;

/// <summary>One row of the table: an arm, a target, a seed.</summary>
internal sealed record OfbRow(string Arm, double Keep, ulong Seed, double Top1, double Select, long MacsFull, long Params, string Sizes, double Seconds,
    ImmutableSortedDictionary<string, double> Probe);

/// <summary>The arms of the OFB table, each a short composition of sizes, ranking and training; and the table itself.</summary>
internal static class OfbTable
{
    private static readonly ImmutableDictionary<string, ImmutableArray<string>> s_searches = new Dictionary<string, ImmutableArray<string>>
    {
        ["A"] = [],
        // Gates with L1 first, sizes by a knapsack over them afterwards; the embedding stays whole.
        ["E"] = ["sizes=importance", "lambda=1", "embed=fixed", "pmim=no"],
        ["no-pmim"] = ["pmim=no"],
        ["whole-one-hot"] = ["one_hot=yes"],
        ["late-one-hot"] = ["one_hot=late"],
        ["no-variance"] = ["one_hot=yes", "variance=no"],
        ["lambda-0.99"] = ["lambda=0.99"],
        ["lambda-0.1"] = ["lambda=0.1"],
        ["fast-importance"] = ["importance_rate=alpha"],
        ["fixed-embed"] = ["embed=fixed"],
        ["official"] = [],
    }.ToImmutableDictionary();

    /// <summary>Does one row unless it is done: <c>row.json</c> in its folder is written last.</summary>
    public static void Row(string arm, OfbSetting setting)
    {
        var folder = setting.FolderOf(arm, setting.Seed);
        var path = Path.Combine(folder, "row.json");
        if (File.Exists(path)) return;
        var begun = Stopwatch.GetTimestamp();
        if (arm is "T0" or "T0-fast")
        {
            var probe = RankingProbe.Run(setting, new OfbOptions { FastImportance = arm == "T0-fast" });
            Write(path, new OfbRow(arm, setting.Keep, setting.Seed, probe["importance"], double.NaN, 0, 0, "", Seconds(), probe));
            return;
        }
        using var model = (arm == "dense" ? setting.Base() : Make(arm, folder, setting)).LoadVit(setting.Compute.Device);
        var (net, cost) = (model.Architecture, VitCost.Of(model.Architecture));
        var sizes = $"{net.EmbedDim}; {string.Join(' ', net.Blocks.Select(b => $"{b.Heads}×{b.QkDim}/{b.MlpHidden}"))}";
        Write(path, new OfbRow(arm, setting.Keep, setting.Seed, setting.Score(model, setting.Test), setting.Score(model, setting.Select), cost.MacsFull,
            cost.Parameters, sizes, Seconds(), ImmutableSortedDictionary<string, double>.Empty));

        double Seconds() => Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    /// <summary>All rows that are done, by target and arm: mean ± standard deviation over seeds.</summary>
    public static void Print(string folder)
    {
        Console.WriteLine("| MACs kept | arm | seeds | top-1 (test) | top-1 (selection) | MACs (full) |\n|---|---|---|---|---|---|");
        var rows = Directory.EnumerateFiles(folder, "row.json", SearchOption.AllDirectories).Select(f => JsonSerializer.Deserialize<OfbRow>(File.ReadAllText(f), s_json)!).ToList();
        foreach (var group in rows.Where(r => r.Probe.IsEmpty).GroupBy(r => (r.Keep, r.Arm)).OrderBy(g => g.Key.Keep).ThenBy(g => g.Key.Arm, StringComparer.Ordinal))
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {group.Key.Keep:P0} | {group.Key.Arm} | {group.Count()} | {Spread(group.Select(r => r.Top1))} | "
                + $"{Spread(group.Select(r => r.Select))} | {group.Average(r => r.MacsFull):N0} |"));
        foreach (var probe in rows.Where(r => !r.Probe.IsEmpty).SelectMany(r => r.Probe.Select(p => KeyValuePair.Create($"{r.Arm} {p.Key}", p.Value))).GroupBy(p => p.Key))
            Console.WriteLine($"| | {probe.Key} | {probe.Count()} | {Spread(probe.Select(p => p.Value))} | | |");
    }

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    // A search with any other switches is named by them: topic=setting,topic=setting.
    private static ImmutableArray<string>? Switches(string arm) => s_searches.TryGetValue(arm, out var named) ? named : arm.Contains('=') ? [.. arm.Split(',')] : null;

    private static ModelSource Make(string arm, string folder, OfbSetting setting)
    {
        if (Switches(arm) is { } switches)
        {
            var options = OfbOptions.For(arm == "official" ? "official" : "clean");
            foreach (var change in switches) options = options.With(change.Split('=')[0], change.Split('=')[1]);
            return setting.Search(folder, options);
        }
        var plan = OfbPlan.Create(setting.Base().Vit, setting.Target);
        var searched = () => Searched(setting);
        var start = Path.Combine(folder, "start");
        if (arm == "F") return setting.Learn(Path.Combine(folder, "run"), searched(), fromScratch: true, new() { WarmUpEpochs = 1 }, setting.Seed);
        using var model = setting.Base().LoadVit(setting.Compute.Device);
        var sizes = arm switch
        {
            "B" => OfbCuts.SizesOf(plan, searched().Vit),
            "C" => OfbCuts.RandomSizes(plan, setting.Seed),
            "D" => OfbCuts.UniformSizes(plan),
            _ => throw new UsageException($"There is no arm {arm}: the arms are dense, A to F, T0, {string.Join(", ", s_searches.Keys.Where(k => k.Length > 1).Order())}."),
        };
        UnitRanking Ranking(int k) => arm == "B" ? OfbCuts.RandomRanking(plan.Space.Tables[k], setting.Seed, k) : OfbCuts.Magnitude(model, plan.Space.Submodules[k]);
        OfbSetting.Write(start, OfbCuts.Cut(model, plan.Space, sizes, Ranking));
        return setting.Learn(Path.Combine(folder, "run"), ModelSource.Open(start), fromScratch: false, OfbSetting.Recovery, setting.Seed);
    }

    // Arms B and F take the sizes of A with the same seed, whose row is done first when it is missing.
    private static ModelSource Searched(OfbSetting setting)
    {
        Row("A", setting);
        return ModelSource.Open(setting.FolderOf("A", setting.Seed));
    }

    private static void Write(string path, OfbRow row)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        AtomicFile.WriteText(path, JsonSerializer.Serialize(row, s_json));
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{row.Arm} {row.Keep} {row.Seed}: {row.Top1:P2}, {row.MacsFull:N0} MACs, {row.Sizes}"));
    }

    private static string Spread(IEnumerable<double> values)
    {
        var all = values.ToList();
        var mean = all.Average();
        var deviation = all.Count > 1 ? Math.Sqrt(all.Sum(v => (v - mean) * (v - mean)) / (all.Count - 1)) : 0;
        return string.Create(CultureInfo.InvariantCulture, $"{100 * mean:0.00} ± {100 * deviation:0.00}");
    }
}
