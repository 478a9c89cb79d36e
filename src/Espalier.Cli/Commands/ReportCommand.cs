using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>report</c> is asked.</summary>
public sealed record ReportOptions(IReadOnlyList<string> Runs, string? Output);

internal sealed class ReportCommand : CliCommand
{
    private readonly Argument<string[]> _runs = new("RUN...") { Description = "Finished run folders.", Arity = ArgumentArity.OneOrMore };
    private readonly OwnOptions _own = new();
    private readonly Option<string?> _output;

    public ReportCommand() : base("report", "Builds report.html again, or one page that compares several runs.")
    {
        Add(_runs);
        _output = _own.Text("--output", "FILE", "The page (default: report.html in the run folder, or here for several runs).", "-o");
        AddGroup(_own);
        Complete();
    }

    public override bool CanBeResumed => false;

    public override IReadOnlyList<string> Examples => ["espalier report runs/demo", "espalier report runs/small runs/smaller -o compared.html"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Report(new(parsed.GetRequiredValue(_runs), parsed.GetValue(_output)), context);
}
