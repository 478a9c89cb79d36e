using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>inspect</c> is asked.</summary>
public sealed record InspectOptions(string Model, int? ImageSize = null);

internal sealed class InspectCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<int?> _imageSize;

    public InspectCommand() : base("inspect", "Shows a model's architecture, preprocessing, block widths, parameters and MACs.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit or a timm name.");
        _imageSize = _own.ImageSize();
        AddGroup(_own);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier inspect vit_tiny_patch16_224", "espalier inspect fashion-vit --json"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Inspect(new(parsed.GetRequiredValue(_model), parsed.GetValue(_imageSize)), context);
}
