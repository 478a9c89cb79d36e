using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>bench</c> is asked.</summary>
public sealed record BenchOptions(string Model, string? Against, int Batch, int Runs, int? ImageSize = null);

internal sealed class BenchCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string?> _against;
    private readonly Option<int?> _batch, _runs, _imageSize;

    public BenchCommand() : base("bench", "Measures latency and throughput: median and spread.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit or a timm name.");
        _against = _own.Text("--against", "MODEL", "A second model, measured in turn with the first; gives the speedup.");
        _batch = _own.Int("--batch", "N", "Images at a time (default 1).");
        _runs = _own.Int("--runs", "N", "Runs to measure (default 50).");
        _imageSize = _own.ImageSize();
        AddGroup(_own);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier bench runs/small --against fashion-vit --threads 1"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Bench(
        new(parsed.GetRequiredValue(_model), parsed.GetValue(_against), parsed.GetValue(_batch) ?? 1, parsed.GetValue(_runs) ?? 50, parsed.GetValue(_imageSize)), context);
}
