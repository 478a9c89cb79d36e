namespace Espalier.Cli.Commands;

/// <summary>All commands, in the order of the help.</summary>
internal static class CommandTable
{
    public static IReadOnlyList<CliCommand> All() =>
    [
        new DemoCommand(), new InspectCommand(), new PlanCommand(), new CompressCommand(), new SearchCommand(),
        new SweepCommand(), new StudyCommand(), new EvaluateCommand(), new PredictCommand(), new BenchCommand(), new ExportCommand(),
        new SynthesizeCommand(), new RankCommand(), new TrainCommand(), new FinetuneCommand(), new ResumeCommand(), new ReportCommand(),
    ];
}
