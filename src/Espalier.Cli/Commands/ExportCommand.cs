using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>export</c> is asked.</summary>
public sealed record ExportOptions(string Model, string Output, int Opset, bool WithNormalization, bool Verify, int? ImageSize = null);

internal sealed class ExportCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _output, _opset;
    private readonly Option<bool> _normalization, _verify;
    private readonly Option<int?> _imageSize;

    public ExportCommand() : base("export", "Writes a model as ONNX; the file is run and compared before it is kept.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _output = _own.Required("--output", "FILE.onnx", "The file to write.", "-o");
        _opset = _own.Choice("--opset", ["17", "20"], "Operator set (default 17); 20 has GELU as one operator.");
        _normalization = _own.Flag("--with-normalization", "The graph takes bytes and normalises them itself.");
        _imageSize = _own.ImageSize();
        _verify = _own.Flag("--verify", "Also run the file in ONNX Runtime, which is installed when missing.");
        AddGroup(_own);
        Complete();
    }

    public override bool CanBeResumed => false;

    public override IReadOnlyList<string> Examples => ["espalier export fashion-vit -o fashion-vit.onnx --verify"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Export(
        new(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_output), parsed.GetValue(_opset) is { } opset ? int.Parse(opset) : 17,
            parsed.GetValue(_normalization), parsed.GetValue(_verify), parsed.GetValue(_imageSize)), context);
}
