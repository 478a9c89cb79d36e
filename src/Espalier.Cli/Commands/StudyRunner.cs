using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Cli.Options;
using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Studies;

namespace Espalier.Cli.Commands;

/// <summary>Runs rows as the command lines they are, each in a run folder of its own, and measures what they made.</summary>
internal sealed class StudyRunner
{
    private const string CompressCommand = "compress";
    private readonly Study _study;
    private readonly ImmutableArray<StudyRow> _rows;
    private readonly StudyStore _store;
    private readonly CommandContext _context;
    private readonly ImmutableArray<string> _common;
    private readonly Dictionary<string, string> _errors = [];
    private readonly HashSet<string> _tried = [];

    public StudyRunner(Study study, ImmutableArray<StudyRow> rows, string output, CommandContext context)
    {
        (_study, _rows, _store, _context, _common) = (study, rows, new StudyStore(output), context, Common(context.Common));
    }

    /// <summary>Refuses a row whose command line could not be typed.</summary>
    /// <exception cref="InputException">What is wrong, and in which line.</exception>
    public void Check(StudyRow row)
    {
        if (row.Command is not null) Parse(Line(row.CommandLine, "out"));
        if (row.Then is { } then) Parse(Line([then.Command, "model", .. then.Arguments, "--seed", $"{row.Seed}"], "out"));
        foreach (var candidate in _study.Candidates(row, _rows))
        {
            if (candidate.Command != CompressCommand) throw new InputException($"{_study.Path}: '{candidate.Command}' leaves nothing a learning rate could be chosen by; give \"tuned\": false.");
            Parse(Line(candidate.CommandLine, "out"));
        }
        foreach (var (_, line) in Measurements(row, "run")) Parse(line);
    }

    /// <summary>Does what is still to be done of a row; false when there was nothing. A failure is noted.</summary>
    public bool Run(StudyRow row, Action begin)
    {
        if (Resolved(row) is { } known)
        {
            // A run that was killed at its very end still hides its weights.
            foreach (var folder in new[] { _store.RunOf(known), _store.ThenOf(known) }.Where(StudyStore.IsDone)) RunFolder.Tidy(folder);
            if (_store.Read(known, null).Status == StudyStatus.Done && Missing(known).Count == 0) return false;
        }
        begin();
        try
        {
            var chosen = Choose(row);
            if (chosen.Command is not null) RunOnce(chosen.CommandLine, _store.RunOf(chosen));
            var result = chosen.Command is null ? chosen.Model : _store.RunOf(chosen);
            if (chosen.Then is { } then) RunOnce([then.Command, result, .. then.Arguments, "--seed", $"{row.Seed}"], _store.ThenOf(chosen));
            foreach (var (name, line) in Missing(chosen)) _store.Measure(chosen, name, Measure(chosen, line));
            _errors.Remove(row.Id);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            _errors[row.Id] = Text(error);
        }
        // What the row held outside of scopes goes now, not in the middle of the next one.
        GC.Collect();
        return true;
    }

    /// <summary>Why a row failed in this sitting; null when it did not.</summary>
    public string? Error(StudyRow row) => _errors.GetValueOrDefault(row.Id);

    /// <summary>Every row as it stands.</summary>
    public IReadOnlyList<StudyEntry> Entries() =>
        [.. _rows.Select(r => Resolved(r) is { } row ? _store.Read(row, Error(r)) : new StudyEntry(r, Error(r) is null ? StudyStatus.Pending : StudyStatus.Failed) { Error = Error(r) })];

    /// <summary>Every choice of a learning rate that was made.</summary>
    public IReadOnlyList<StudyChoice> Choices() =>
    [
        .. _rows.Select(r => _study.Candidates(r, _rows)).Where(c => !c.IsEmpty).DistinctBy(c => c[0].Id)
            .Select(_store.Choose).OfType<StudyChoice>(),
    ];

    // With its learning rate; null while that is still to be chosen.
    private StudyRow? Resolved(StudyRow row)
    {
        var candidates = _study.Candidates(row, _rows);
        return candidates.IsEmpty ? row : _store.Choose(candidates)?.LearningRate is { } rate ? row with { LearningRate = rate } : null;
    }

    private static string Text(Exception error) => error is EspalierException own ? ErrorText.Of(own) : error.Message;

    private StudyRow Choose(StudyRow row)
    {
        var candidates = _study.Candidates(row, _rows);
        // One that failed in an earlier sitting is tried again only where there is none to choose.
        var again = candidates.All(c => _store.Failure(c) is not null);
        foreach (var candidate in candidates.Where(c => again || _store.Failure(c) is null))
        {
            if (!_tried.Add(candidate.Id)) continue;
            try
            {
                RunOnce(candidate.CommandLine, _store.CandidateOf(candidate));
                _store.NoteFailure(candidate, null);
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // A rate that is too high fails; the others are still there.
                _store.NoteFailure(candidate, Text(error));
            }
        }
        return Resolved(row) ?? throw new FailureException("No learning rate could be chosen: "
            + $"{candidates.Select(_store.Failure).FirstOrDefault(f => f is not null) ?? "all images were drawn, so none is left to judge by"}");
    }

    private void RunOnce(IReadOnlyList<string> line, string folder)
    {
        if (StudyStore.IsDone(folder))
        {
            RunFolder.Tidy(folder);
            return;
        }
        var arguments = Line(line, folder);
        Inside(arguments, File.Exists(Path.Combine(folder, "run.json")) ? folder : null);
    }

    private List<(string Name, ImmutableArray<string> Line)> Missing(StudyRow row)
    {
        var run = _store.RunOf(row);
        if (row.Command is not null && !File.Exists(Path.Combine(run, ModelFolder.WeightsFile))) return [];
        var measured = _store.Measured(row);
        // What was measured on other data, or otherwise, is measured anew.
        return [.. Measurements(row, run).Where(m => measured[m.Name]?["measured_by"]?.ToString() != By(row, m.Line))];
    }

    // The command line wherever the study lies.
    private string By(StudyRow row, ImmutableArray<string> line) => CommandLineText.Of(line.Select(word => word == _store.RunOf(row) ? "RUN" : word));

    private IEnumerable<(string Name, ImmutableArray<string> Line)> Measurements(StudyRow row, string run)
    {
        var measure = _study.Definition.Measure;
        if (row.Command is null)
        {
            // The given model is measured against nothing.
            if (measure.Evaluate is { } own) yield return (StudyNumbers.Evaluated, ["evaluate", row.Model, "--data", .. _study.Words(own), .. _common]);
            yield break;
        }
        if (measure.Evaluate is { } data) yield return (StudyNumbers.Evaluated, ["evaluate", run, "--data", .. _study.Words(data), "--against", row.Model, .. _common]);
        foreach (var batch in measure.Latency)
            yield return ($"latency_b{batch}", ["bench", run, "--against", row.Model, "--batch", $"{batch}", "--runs", $"{measure.LatencyRuns}", .. _common]);
    }

    private JsonNode Measure(StudyRow row, ImmutableArray<string> line)
    {
        var result = Inside(line, null)!;
        var json = JsonSerializer.SerializeToNode(result, result.GetType(), ResultJson.Default)!;
        json["command_line"] = CommandLineText.Of(line);
        json["measured_by"] = By(row, line);
        return json;
    }

    private CommandResult? Inside(ImmutableArray<string> arguments, string? resumed)
    {
        var (command, parsed) = Parse(arguments);
        return command.RunInside(parsed, _context.As(command.Name, arguments, command.Common.Read(parsed), resumed));
    }

    private ImmutableArray<string> Line(IEnumerable<string> line, string output) => [.. line, .. _common, "-o", output];

    private (CliCommand Command, System.CommandLine.ParseResult Parsed) Parse(IReadOnlyList<string> arguments)
    {
        var (command, parsed) = EspalierApp.Parse(arguments);
        if (command is null or StudyCommand) throw new InputException($"{_study.Path}: '{arguments[0]}' is no command a study can run.");
        return parsed.Errors.Count == 0 ? (command, parsed)
            : throw new InputException($"{_study.Path}: {string.Join(' ', parsed.Errors.Select(e => e.Message).Distinct())} In: {CommandLineText.Of(arguments)}");
    }

    // How to compute is the study's command line's to say, for every row.
    private static ImmutableArray<string> Common(CommonSettings common) =>
    [
        .. common.Threads is { } threads ? ["--threads", $"{threads}"] : Array.Empty<string>(),
        .. common.Device != "cpu" ? ["--device", common.Device] : Array.Empty<string>(),
        .. common.SaveEvery != 60 ? ["--save-every", $"{common.SaveEvery}"] : Array.Empty<string>(),
        .. common.Precision != "auto" ? ["--precision", common.Precision] : Array.Empty<string>(),
    ];
}
