using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Models.Formats;
using Espalier.Reports;

namespace Espalier.Studies;

/// <summary>
/// Where a study keeps what it made: <c>rows/ID/run</c> is a row's run folder, <c>rows/ID/then</c> that of the command that follows,
/// <c>rows/ID/measured.json</c> what was measured besides; <c>tune/ID</c> the same for runs among which a learning rate is chosen,
/// <c>tune/ID.failed.txt</c> why one of them failed. What is there is done.
/// </summary>
/// <param name="folder">The study's folder.</param>
public sealed class StudyStore(string folder)
{
    private const string ReportFile = "report.json", MeasuredFile = "measured.json";

    /// <summary>Run folder of a row.</summary>
    public string RunOf(StudyRow row) => Path.Combine(folder, "rows", row.Id, "run");

    /// <summary>Run folder of the command that follows it.</summary>
    public string ThenOf(StudyRow row) => Path.Combine(folder, "rows", row.Id, "then");

    /// <summary>Run folder of a run to choose a learning rate by.</summary>
    public string CandidateOf(StudyRow row) => Path.Combine(folder, "tune", row.Id);

    /// <summary>Why a run to choose by failed, in whichever sitting; null when it did not.</summary>
    /// <exception cref="InputException">The note cannot be read.</exception>
    public string? Failure(StudyRow candidate) => File.Exists(FailureOf(candidate)) ? SmallFile.ReadText(FailureOf(candidate)).TrimEnd() : null;

    /// <summary>Notes why a run to choose by failed; null strikes the note out.</summary>
    public void NoteFailure(StudyRow candidate, string? error)
    {
        if (error is null) File.Delete(FailureOf(candidate));
        else AtomicFile.WriteText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "tune")).FullName, Path.GetFileName(FailureOf(candidate))), error + "\n");
    }

    /// <summary>Whether a run folder holds a finished run.</summary>
    public static bool IsDone(string run) => File.Exists(Path.Combine(run, ReportFile));

    /// <summary>What was measured on a row's result, by name; empty when nothing was.</summary>
    /// <exception cref="InputException">The file is damaged.</exception>
    public JsonObject Measured(StudyRow row)
    {
        var path = Path.Combine(folder, "rows", row.Id, MeasuredFile);
        if (!File.Exists(path)) return [];
        try
        {
            return JsonNode.Parse(SmallFile.ReadText(path)) as JsonObject ?? throw new JsonException("it is no object");
        }
        catch (JsonException e)
        {
            throw new InputException($"Cannot read '{path}': {e.Message} Remove it; it is measured again.", e);
        }
    }

    /// <summary>Adds a measurement.</summary>
    public void Measure(StudyRow row, string name, JsonNode result)
    {
        var all = Measured(row);
        all[name] = result;
        AtomicFile.WriteText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "rows", row.Id)).FullName, MeasuredFile), all.ToJsonString(StudyTable.Json) + "\n");
    }

    /// <summary>The choice among some candidates, by what their reports say; null until all of them were run or failed.</summary>
    public StudyChoice? Choose(ImmutableArray<StudyRow> candidates)
    {
        if (!candidates.All(c => IsDone(CandidateOf(c)) || Failure(c) is not null)) return null;
        return new StudyChoice(
            [
                .. candidates.Select(c => new StudyCandidate(c.LearningRate!.Value, Path.GetRelativePath(folder, CandidateOf(c)))
                {
                    HeldOutKl = IsDone(CandidateOf(c)) ? RunReport.Load(CandidateOf(c)).HeldOutKl : null,
                    Error = Failure(c),
                }),
            ])
        { Model = candidates[0].Model, Method = candidates[0].Method, Target = candidates[0].Target, Images = candidates[0].Images, Switch = candidates[0].Switch };
    }

    private string FailureOf(StudyRow candidate) => CandidateOf(candidate) + ".failed.txt";

    /// <summary>Everything there is about a row.</summary>
    /// <param name="row">With its learning rate, if it has one.</param>
    /// <param name="error">Why it failed; null when it did not.</param>
    public StudyEntry Read(StudyRow row, string? error)
    {
        var (run, then) = (RunOf(row), ThenOf(row));
        var done = (row.Command is null || IsDone(run)) && (row.Then is null || IsDone(then));
        return new StudyEntry(row, error is not null ? StudyStatus.Failed : done ? StudyStatus.Done : StudyStatus.Pending)
        {
            Error = error,
            Run = row.Command is not null && Directory.Exists(run) ? Path.GetRelativePath(folder, run) : null,
            Report = row.Command is not null && IsDone(run) ? RunReport.Load(run) : null,
            Then = row.Then is not null && IsDone(then) ? RunReport.Load(then) : null,
            ThenRun = row.Then is not null && IsDone(then) ? Path.GetRelativePath(folder, then) : null,
            Measured = Measured(row),
        };
    }
}

/// <summary>How a row stands.</summary>
public enum StudyStatus
{
    Pending,
    Done,
    Failed,
}

/// <summary>A row and what came of it.</summary>
public sealed record StudyEntry(StudyRow Row, StudyStatus Status)
{
    public string? Error { get; init; }

    /// <summary>The run folder, from the study's.</summary>
    public string? Run { get; init; }

    public RunReport? Report { get; init; }

    /// <summary>Report of the command that follows.</summary>
    public RunReport? Then { get; init; }

    /// <summary>Its run folder, from the study's.</summary>
    public string? ThenRun { get; init; }

    public JsonObject Measured { get; init; } = [];
}

/// <summary>A learning rate that was chosen, for all rows like this one along the axes of the choice.</summary>
public sealed record StudyChoice(ImmutableArray<StudyCandidate> Candidates)
{
    public required string Model { get; init; }

    public required string Method { get; init; }

    public string? Target { get; init; }

    public int? Images { get; init; }

    public string? Switch { get; init; }

    /// <summary>The rate with the least KL; null when no run has one.</summary>
    public double? LearningRate => Candidates.Where(c => c.HeldOutKl is { } kl && double.IsFinite(kl)).MinBy(c => c.HeldOutKl)?.LearningRate;
}

/// <summary>One rate that was tried.</summary>
public sealed record StudyCandidate(double LearningRate, string Run)
{
    /// <summary>Mean KL(teacher ‖ student) on training images that were not drawn.</summary>
    public double? HeldOutKl { get; init; }

    public string? Error { get; init; }
}
