using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>evaluate</c> is asked.</summary>
public sealed record EvaluateOptions(string Model, string Data, int? Batch, string? Against = null, int? ImageSize = null);

internal sealed class EvaluateCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _data;
    private readonly Option<int?> _batch, _imageSize;
    private readonly Option<string?> _against;

    public EvaluateCommand() : base("evaluate", "Measures top-1 and top-5 accuracy on labelled images.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _data = _own.Required("--data", "DATA", "Labelled images.");
        _batch = _own.Int("--batch", "N", "Images at a time.");
        _against = _own.Text("--against", "MODEL", "Compare with this one: agreement, KL, paired difference of top-1.");
        _imageSize = _own.ImageSize();
        AddGroup(_own);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier evaluate fashion-vit --data fashion-mnist:test"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Evaluate(new(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_data), parsed.GetValue(_batch), parsed.GetValue(_against),
            parsed.GetValue(_imageSize)), context);
}
