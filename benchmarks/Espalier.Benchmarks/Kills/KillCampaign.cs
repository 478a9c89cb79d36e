using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Espalier.Models;

namespace Espalier.Benchmarks.Kills;

/// <summary>
/// Kills runs at random moments until there were enough kills. <c>kills.jsonl</c> has a line for each; a campaign that was stopped goes on where it was.
/// </summary>
internal sealed class KillCampaign(string folder, string program)
{
    private const int MostKills = 3;
    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
    private readonly KillGround _ground = new(Path.Combine(folder, "ground"));

    private string Log => Path.Combine(folder, "kills.jsonl");

    /// <summary>Goes on until there are <paramref name="count"/> kills, or the time is over; false when a run came to something else.</summary>
    public bool Run(int count, TimeSpan time)
    {
        Directory.CreateDirectory(folder);
        _ground.Prepare();
        var begun = Stopwatch.GetTimestamp();
        var kills = Read();
        while (kills.Count(k => k.Struck) < count && Stopwatch.GetElapsedTime(begun) < time)
        {
            // The command with the fewest kills is next.
            var next = KillCase.All.MinBy(c => kills.Count(k => k.Case == c.Name && k.Struck))!;
            var struck = Trial(next, kills.Where(k => k.Case == next.Name).Select(k => k.Trial + 1).DefaultIfEmpty(0).Max());
            File.AppendAllLines(Log, struck.Select(k => JsonSerializer.Serialize(k, s_json)));
            kills.AddRange(struck);
            Console.Error.WriteLine($"{kills.Count(k => k.Struck)} of {count}: {next.Name}, {struck.Count(k => k.Struck)} kills, {struck[0].Outcome}");
        }
        File.WriteAllText(Path.Combine(folder, "summary.md"), Table(kills));
        Console.WriteLine(Table(kills));
        return kills.All(k => k.Outcome == KillTrial.Same);
    }

    private List<Kill> Read() => File.Exists(Log) ? [.. File.ReadLines(Log).Select(line => JsonSerializer.Deserialize<Kill>(line, s_json)!)] : [];

    // The moments of a trial are drawn anew for each, uniformly over the time an unbroken run takes.
    private IReadOnlyList<Kill> Trial(KillCase command, int trial)
    {
        var (whole, seconds) = Whole(command);
        var random = new SeededRandom(7, $"kills {command.Name}", trial);
        var moments = Enumerable.Range(0, 1 + random.NextInt(MostKills)).Select(_ => new Moment(TimeSpan.FromSeconds(random.NextDouble() * seconds))).ToList();
        var place = Path.Combine(folder, "trial");
        if (Directory.Exists(place)) Directory.Delete(place, recursive: true);
        var run = Path.Combine(place, "run");
        var victim = new Victim(program, run, Path.Combine(place, "cache"), command.CommandLine(_ground, run));
        return KillTrial.Run(command.Name, trial, victim, run, whole, moments);
    }

    private (SortedDictionary<string, byte[]> Results, double Seconds) Whole(KillCase command)
    {
        var place = Path.Combine(folder, "whole", command.Name.Replace(' ', '-'));
        var (run, clock) = (Path.Combine(place, "run"), Path.Combine(place, "seconds.json"));
        if (!File.Exists(clock))
        {
            if (Directory.Exists(place)) Directory.Delete(place, recursive: true);
            var life = new Victim(program, run, Path.Combine(place, "cache"), command.CommandLine(_ground, run)).Live();
            if (life.Code != 0) throw new InvalidOperationException($"{command.Name} fails by itself: {life.Error}");
            File.WriteAllText(clock, JsonSerializer.Serialize(life.Seconds));
        }
        return (KillCase.Results(run), JsonSerializer.Deserialize<double>(File.ReadAllText(clock)));
    }

    private static string Table(IReadOnlyList<Kill> kills)
    {
        var text = new StringBuilder("| command | runs | kills | killed while resuming | steps they struck | same bytes |\n|---|---:|---:|---:|---|---:|\n");
        var all = kills.Where(k => k.Struck).ToList();
        foreach (var group in KillCase.All.Select(c => all.Where(k => k.Case == c.Name).ToList()).Where(g => g.Count > 0)) Row(group[0].Case, group);
        Row("all", all);
        foreach (var odd in kills.Where(k => k.Outcome != KillTrial.Same).DistinctBy(k => (k.Case, k.Trial)))
            text.Append($"\n- {odd.Case}, run {odd.Trial}: {odd.Outcome}");
        return text.ToString();

        void Row(string name, IReadOnlyCollection<Kill> of)
        {
            var runs = of.GroupBy(k => (k.Case, k.Trial)).ToList();
            text.Append($"| {name} | {runs.Count} | {of.Count} | {of.Count(k => k.Attempt > 0)} | {of.Select(k => (k.Case, k.Next)).Distinct().Count()} ")
                .Append($"| {runs.Count(r => r.All(k => k.Outcome == KillTrial.Same))} of {runs.Count} |\n");
        }
    }
}
