using System.CommandLine;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>compress</c> is asked.</summary>
public sealed record CompressOptions(
    string Model, Target Target, MethodSettings Method, string? Images, int Count, EffortSettings Effort, string? Eval, int? Batch, string Output,
    int? ImageSize = null);

internal sealed class CompressCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly TargetOptions _target;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _output;
    private readonly Option<string?> _images, _eval;
    private readonly Option<int?> _count, _batch, _imageSize;
    private readonly EffortOptions _effort;
    private readonly MethodOptions _method;

    public CompressCommand() : base("compress", "Makes a model smaller with few unlabelled images: search or ranking, cutting, repair, finetuning.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _target = AddGroup(new TargetOptions());
        _output = _own.Output("The run folder; a model folder once it is done.");
        _images = _own.Text("--images", "DATA", "Unlabelled images to finetune on (default: synthetic images only).");
        _count = _own.Int("--number", "N", "How many of them to draw (default 500).", 1, "-n");
        _eval = _own.Text("--eval", "DATA", "Labelled images: accuracy before, after and at every stage.");
        _batch = _own.Int("--batch", "N", "Images per gradient step (default espalier 32, dc-vit 16, official 64).");
        _imageSize = _own.ImageSize();
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps per finetune; 0 only repairs (default: as many as fit into 20 minutes).", leastSteps: 0));
        _method = AddGroup(new MethodOptions(MethodNames.Espalier));
        AddProcesses();
        Complete();
    }

    public override IReadOnlyList<string> Examples =>
    [
        "espalier compress fashion-vit --keep-macs 0.75 --images fashion-mnist:train -n 100 --minutes 3 -o runs/small",
        "espalier compress path/to/vit_tiny --reduce-macs 25% --images photos -n 500 --steps 200 --eval labelled -o runs/tiny",
    ];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Compress(Read(parsed), context);

    /// <summary>The command's own options.</summary>
    internal CompressOptions Read(ParseResult parsed) => new(
        parsed.GetRequiredValue(_model), _target.Read(parsed), _method.Read(parsed), parsed.GetValue(_images), parsed.GetValue(_count) ?? 500,
        _effort.Read(parsed), parsed.GetValue(_eval), parsed.GetValue(_batch), parsed.GetRequiredValue(_output),
        parsed.GetValue(_imageSize));
}
