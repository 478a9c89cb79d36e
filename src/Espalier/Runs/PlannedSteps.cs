using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>A number of steps that was worked out from the clock, fixed once in a step's folder, so that a resumed run keeps it.</summary>
internal sealed record PlannedSteps(long Steps)
{
    private const string FileName = "steps.json";

    /// <summary>The number that was fixed earlier, or, the first time, what <paramref name="workOut"/> gives: in the first process, where several work together.</summary>
    internal static long Once(string folder, Func<long> workOut, ProcessGroup? group = null)
    {
        if (StepFile.Read<PlannedSteps>(folder, FileName) is { } planned) return planned.Steps;
        var steps = workOut();
        if (group is not null) steps = (long)group.Agree(steps);
        StepFile.Write(folder, FileName, new PlannedSteps(steps));
        return steps;
    }
}
