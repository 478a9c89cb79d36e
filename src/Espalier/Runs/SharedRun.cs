using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>
/// A run that several processes work on. The first one has the run folder; each other one has a copy of what the steps need, on a disk of its own,
/// which goes with it. As steps speak to each other by files alone, it is enough to give everyone the files of each finished step.
/// </summary>
public static class SharedRun
{
    /// <summary>Opens the run in the first process and hands it to the others.</summary>
    /// <param name="group">Null: this process alone.</param>
    /// <param name="open">Creates the run folder, or opens the one to go on with; called in the first process only.</param>
    /// <returns>The run folder, or this process's copy of it, which goes when it is disposed.</returns>
    public static RunFolder Open(ProcessGroup? group, Func<RunFolder> open)
    {
        if (group is null) return open();
        var copy = group.IsFirst ? null : Directory.CreateTempSubdirectory("espalier-").FullName;
        var folder = copy is null ? open() : null;
        try
        {
            SharedFiles.Share(group, copy ?? folder!.Path, RunFolder.ForSteps);
            folder ??= RunFolder.Open(copy!);
            folder.Group = group;
            return folder;
        }
        catch
        {
            folder?.Dispose();
            if (copy is not null) Directory.Delete(copy, recursive: true);
            throw;
        }
    }

    /// <summary>Steps that are done at the same time: one, or as many steps apart as there are processes.</summary>
    internal static IEnumerable<IReadOnlyList<RunStep>> Rounds(ProcessGroup? group, IEnumerable<RunStep> steps)
    {
        var round = new List<RunStep>();
        foreach (var step in steps)
        {
            if (round.Count > 0 && (!step.Apart || round.Count == (group?.Size ?? 1)))
            {
                yield return round;
                round = [];
            }
            round.Add(step);
            if (step.Apart) continue;
            yield return round;
            round = [];
        }
        if (round.Count > 0) yield return round;
    }

    /// <summary>Does the steps of a round, each in the processes it is for; then all processes have the files of all of them.</summary>
    internal static void Do(ProcessGroup? group, IReadOnlyList<(RunStep Step, StepContext Context)> round)
    {
        if (group is null)
        {
            foreach (var (step, context) in round) step.Action(context);
            return;
        }
        foreach (var (step, context) in round)
        {
            if (step.Before is not { } before) continue;
            if (group.IsFirst) Alone(() => before(context));
            Share(context, from: 0);
        }
        for (var k = 0; k < round.Count; k++)
        {
            var (step, context) = round[k];
            if (step.Together) step.Action(context);
            else if (group.Rank == k) Alone(() => step.Action(context));
        }
        for (var k = 0; k < round.Count; k++) Share(round[k].Context, from: k);

        void Alone(Action action)
        {
            using var alone = group.Alone();
            action();
        }

        void Share(StepContext context, int from) => SharedFiles.Share(group, context.Folder, ["."], from);
    }
}
