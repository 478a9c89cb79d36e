using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>predict</c> is asked.</summary>
public sealed record PredictOptions(string Model, string Images, int? Batch);

internal sealed class PredictCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _images;
    private readonly Option<int?> _batch;

    public PredictCommand() : base("predict", "Names the five likeliest classes of each image.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _images = _own.Required("--images", "DATA", "The images.");
        _batch = _own.Int("--batch", "N", "Images at a time.");
        AddGroup(_own);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier predict path/to/vit_tiny --images photos"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Predict(new(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_images), parsed.GetValue(_batch)), context);
}
