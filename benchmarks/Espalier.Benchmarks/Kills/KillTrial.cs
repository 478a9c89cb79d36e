using System.Text.Json.Serialization;

namespace Espalier.Benchmarks.Kills;

/// <summary>One kill.</summary>
/// <param name="Case">The command.</param>
/// <param name="Trial">Number of the run; a run may be killed several times.</param>
/// <param name="Attempt">0 while it was begun, then the resumes; −1 of a run that ended before any kill.</param>
/// <param name="Seconds">Age of the process.</param>
/// <param name="Next">What the run was at, by its own record.</param>
/// <param name="Outcome">What became of the run: <c>same</c>, or what differs or failed.</param>
internal sealed record Kill(string Case, int Trial, int Attempt, double Seconds, string Next, string Outcome)
{
    [JsonIgnore]
    public bool Struck => Attempt >= 0;
}

/// <summary>A run that is killed at each of some moments and then left to end.</summary>
internal static class KillTrial
{
    public const string Same = "same";

    /// <summary>Every kill that struck, with what became of the run; a single one that did not when none did.</summary>
    /// <param name="name">The command.</param>
    /// <param name="trial">Number of the run.</param>
    /// <param name="victim">The run.</param>
    /// <param name="run">Its folder.</param>
    /// <param name="whole">What an unbroken run leaves.</param>
    /// <param name="moments">One for each process but the last.</param>
    public static IReadOnlyList<Kill> Run(string name, int trial, Victim victim, string run, SortedDictionary<string, byte[]> whole, IEnumerable<Moment> moments)
    {
        List<(int Attempt, double Seconds, string Next)> kills = [];
        var attempt = 0;
        foreach (var moment in moments)
        {
            var life = victim.Live(moment);
            if (!life.WasKilled) return Ended(life);
            kills.Add((attempt++, life.Seconds, victim.Next()));
        }
        return Ended(victim.IsDone ? new Life(0, "", 0) : victim.Live());

        IReadOnlyList<Kill> Ended(Life last)
        {
            var over = last.Code == 2 && last.Error.Contains("finished already"); // killed between its last act and its end
            var outcome = last.Code != 0 && !over ? $"exit {last.Code}: {last.Error}"
                : KillCase.Difference(whole, KillCase.Results(run)) is { } file ? $"{file} differs" : Same;
            return kills.Count == 0 ? [new Kill(name, trial, -1, last.Seconds, "", outcome)]
                : [.. kills.Select(k => new Kill(name, trial, k.Attempt, Math.Round(k.Seconds, 3), k.Next, outcome))];
        }
    }
}
