using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>
/// Executes named steps in order, skipping those an earlier sitting finished. The state file is replaced whole after each step,
/// so whatever stops the process, the next sitting begins with the step that was not finished.
/// </summary>
public sealed class Run
{
    private static readonly TimeSpan s_leastPause = TimeSpan.FromSeconds(1);
    private readonly RunFolder _folder;
    private readonly IReadOnlyList<RunStep> _steps;
    private readonly TimeProvider _time;

    /// <param name="folder">The open run folder.</param>
    /// <param name="steps">All steps of the run in order, the same ones in every sitting.</param>
    /// <param name="time">The clock.</param>
    public Run(RunFolder folder, IReadOnlyList<RunStep> steps, TimeProvider time)
    {
        (_folder, _steps, _time) = (folder, steps, time);
        if (steps.Select(s => s.Name).Distinct().Count() != steps.Count) throw new ArgumentException("Two steps have the same name.", nameof(steps));
        var done = folder.State.Done;
        if (done.Length > steps.Count || !steps.Take(done.Length).Select(s => s.Name).SequenceEqual(done))
            throw new InputException($"'{folder.Path}' was begun with other steps ({string.Join(", ", done)}); start again in its place.") { Settings = [nameof(RunOptions.Existing)] };
    }

    /// <summary>Does the steps that are not done yet.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; the run can be resumed.</exception>
    public void Execute(IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        var begun = _time.GetTimestamp();
        var before = _folder.State.Seconds;
        var saved = begun;
        RunState Now() => _folder.State with { Seconds = before + _time.GetElapsedTime(begun).TotalSeconds };
        var watched = new Told(update =>
        {
            progress.Report(update);
            if (_time.GetElapsedTime(saved) < (_folder.SaveEvery < s_leastPause ? s_leastPause : _folder.SaveEvery)) return;
            // So that a run that is killed knows it, too.
            _folder.Save(Now());
            saved = _time.GetTimestamp();
        });
        try
        {
            foreach (var round in SharedRun.Rounds(_folder.Group, _steps.Skip(_folder.State.Done.Length)))
            {
                cancellation.ThrowIfCancellationRequested();
                _folder.Save(Now() with { Next = round[0].Name });
                var contexts = round.Select(step => new StepContext(_folder, step, watched, cancellation)).ToList();
                SharedRun.Do(_folder.Group, [.. round.Zip(contexts)]);
                _folder.Save(Now() with { Done = [.. _folder.State.Done, .. round.Select(s => s.Name)], Next = null });
                foreach (var context in contexts) File.Delete(context.CheckpointPath);
            }
            _folder.Save(Now() with { Finished = true });
        }
        catch (Exception error) when (error is OperationCanceledException or LostProcessException)
        {
            // So that a resumed run knows how much of its time budget is used.
            _folder.Save(Now());
            throw;
        }
    }

    private sealed class Told(Action<ProgressUpdate> tell) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => tell(value);
    }
}
