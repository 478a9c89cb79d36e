using System.CommandLine;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

internal sealed class DemoCommand : CliCommand
{
    public DemoCommand() : base("demo", "Compresses the bundled model on bundled images and writes runs/demo/report.html, in at most 5 minutes.") => Complete();

    public override bool CanBeResumed => false;

    public override IReadOnlyList<string> Examples => ["espalier demo"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Demo(context);
}
