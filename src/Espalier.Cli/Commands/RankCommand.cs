using System.CommandLine;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>rank</c> is asked.</summary>
public sealed record RankOptions(string Model, Target Target, MethodSettings Method, string Images, int Count, EffortSettings Effort,
    string? Eval = null, string? Output = null);

internal sealed class RankCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly TargetOptions _target;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _images;
    private readonly Option<string?> _eval, _output;
    private readonly Option<int?> _count;
    private readonly EffortOptions _effort;
    private readonly MethodOptions _method;

    public RankCommand() : base("rank", "Measures how well the network recovers from compressing each candidate block alone.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _target = AddGroup(new TargetOptions());
        _images = _own.Required("--images", "DATA", "Unlabelled images to finetune on.");
        _count = _own.Int("--number", "N", "How many of them to draw (default 500).", 1, "-n");
        _eval = _own.Text("--eval", "DATA", "Labelled images: also measures every candidate's accuracy there, and its loss on the training images. Nothing is ranked by it.");
        _output = _own.Text("--output", "DIR", "Keep the run here: it can be resumed, and has a report (default: nothing is kept).", "-o");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps per candidate."));
        _method = AddGroup(new MethodOptions(MethodNames.DcVit));
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier rank fashion-vit --keep-macs 0.75 --images fashion-mnist:train -n 100 --minutes 2"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Rank(
        new(parsed.GetRequiredValue(_model), _target.Read(parsed), _method.Read(parsed), parsed.GetRequiredValue(_images),
            parsed.GetValue(_count) ?? 500, _effort.Read(parsed), parsed.GetValue(_eval), parsed.GetValue(_output)),
        context);
}
