using Espalier.Training;

namespace Espalier.Runs;

/// <summary>One resumable step: it reads the files of earlier steps and leaves files of its own.</summary>
/// <param name="Name">Its name in <c>state.json</c> and of its folder under <c>steps/</c>; letters, digits and dashes.</param>
/// <param name="Action">The work. It may be called again after an interruption, and then finds in its folder what it had left there.</param>
public sealed record RunStep(string Name, Action<StepContext> Action)
{
    /// <summary>
    /// Where several processes share the run, all of them do this step together. Otherwise the first one does it alone. Either way all have its files
    /// when it is done.
    /// </summary>
    public bool Together { get; init; }

    /// <summary>Where several processes share the run, each does other ones of the steps in a row that say so.</summary>
    public bool Apart { get; init; }

    /// <summary>What the first process does before steps apart begin: what all of them must agree on, left in this step's folder.</summary>
    public Action<StepContext>? Before { get; init; }
}

/// <summary>What a step is given.</summary>
public sealed class StepContext
{
    internal StepContext(RunFolder run, RunStep step, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        Run = run;
        Folder = run.StepFolder(step.Name);
        Progress = progress;
        Cancellation = cancellation;
    }

    /// <summary>The run, for results and for the folders of earlier steps.</summary>
    public RunFolder Run { get; }

    /// <summary>This step's own folder; checkpoints of long steps go here too.</summary>
    public string Folder { get; }

    /// <summary>Where a training saves its state in this step, and how often. It goes when the step is done, not before: what follows a training may be stopped, too.</summary>
    public Checkpoint Checkpoint(TimeProvider time) => new(CheckpointPath, Run.SaveEvery, time);

    internal string CheckpointPath => Path.Combine(Folder, "checkpoint.safetensors");

    public IProgress<ProgressUpdate> Progress { get; }

    public CancellationToken Cancellation { get; }
}
