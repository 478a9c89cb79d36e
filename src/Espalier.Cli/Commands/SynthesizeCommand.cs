using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>synthesize</c> is asked.</summary>
public sealed record SynthesizeOptions(string Model, int Count, EffortSettings Effort, string Output);

internal sealed class SynthesizeCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<int?> _count;
    private readonly Option<string> _output;
    private readonly EffortOptions _effort;

    public SynthesizeCommand() : base("synthesize", "Draws the synthetic metric set out of a model: PNG files and the exact tensor.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _output = _own.Output("Folder for the images.");
        _count = _own.Int("--number", "N", "How many images (default 50).", 1, "-n");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Optimisation steps (default 2000)."));
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier synthesize fashion-vit -n 50 --steps 200 -o runs/synthetic"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Synthesize(
        new(parsed.GetRequiredValue(_model), parsed.GetValue(_count) ?? 50, _effort.Read(parsed), parsed.GetRequiredValue(_output)), context);
}
