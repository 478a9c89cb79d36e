using Espalier.Cli.Options;
using Espalier.Supervised;

namespace Espalier.Cli.Commands;

/// <summary>From the common options and those of the effort to what every task of the library is told.</summary>
internal static class RunSetup
{
    /// <summary>The options for a run that the command line begins.</summary>
    public static T For<T>(this T options, CommandRun run, CommandContext context) where T : RunOptions => (T)(options with
    {
        Compute = Computing.Of(context),
        Seed = (ulong)context.Common.Seed,
        Clock = context.Time,
        Host = run,
    });

    /// <summary>How long to train; epochs when nothing was typed.</summary>
    public static TrainingEffort OrEpochs(this EffortSettings effort, int epochs) => effort is { Steps: null, Minutes: null, Epochs: null }
        ? new TrainingEffort(Epochs: epochs) : new TrainingEffort(effort.Steps, effort.Epochs, effort.Time);
}
