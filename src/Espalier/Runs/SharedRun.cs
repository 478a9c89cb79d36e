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
    internal static void Do(ProcessGroup? group, IReadOnlyList<RunStep> round, Func<RunStep, StepContext> context)
    {
        if (group is null)
        {
            foreach (var step in round) step.Action(context(step));
            return;
        }
        foreach (var step in round.Where(s => s.Before is not null))
        {
            if (group.IsFirst) Alone(() => step.Before!(context(step)));
            Share(step, from: 0);
        }
        for (var k = 0; k < round.Count; k++)
            if (round[k].Together) round[k].Action(context(round[k]));
            else if (group.Rank == k) Alone(() => round[k].Action(context(round[k])));
        for (var k = 0; k < round.Count; k++) Share(round[k], from: k);

        void Alone(Action action)
        {
            using var alone = group.Alone();
            action();
        }

        void Share(RunStep step, int from) => SharedFiles.Share(group, context(step).Folder, ["."], from);
    }
}
