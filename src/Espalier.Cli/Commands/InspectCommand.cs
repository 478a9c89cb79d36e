using System.CommandLine;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>inspect</c> is asked.</summary>
public sealed record InspectOptions(string Model);

internal sealed class InspectCommand : CliCommand
{
    private readonly Argument<string> _model;

    public InspectCommand() : base("inspect", "Shows a model's architecture, preprocessing, block widths, parameters and MACs.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit or a timm name.");
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier inspect vit_tiny_patch16_224", "espalier inspect fashion-vit --json"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Inspect(new(parsed.GetRequiredValue(_model)), context);
}
