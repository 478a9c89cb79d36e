using System.CommandLine;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>sweep</c> is asked.</summary>
public sealed record SweepOptions(
    string Model, double From, double To, int Points, CountConvention Count, MethodSettings Method, string? Images, int Number, EffortSettings Effort,
    string? Eval, int? Batch, string Output);

internal sealed class SweepCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _output, _from, _to;
    private readonly Option<string?> _images, _eval, _count;
    private readonly Option<int?> _points, _number, _batch;
    private readonly EffortOptions _effort;
    private readonly MethodOptions _method;

    public SweepCommand() : base("sweep", "Makes a whole family of sizes in one run, no smaller one wider anywhere, and their frontier.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _from = _own.Required("--from", "0.95", "Share of the MACs the largest model keeps.");
        _to = _own.Required("--to", "0.40", "Share of the MACs the smallest model keeps.");
        _points = _own.Between("--points", "N", "How many models (default 24).", 2, 10_000);
        _count = _own.Text("--count", "budget|full", "The MACs convention (default budget).");
        _output = _own.Output("The run folder; the models lie in its folder models.");
        _images = _own.Text("--images", "DATA", "Unlabelled images (default: synthetic images only).");
        _number = _own.Int("--number", "N", "How many of them to draw (default 500).", 1, "-n");
        _eval = _own.Text("--eval", "DATA", "Labelled images: accuracy of every model.");
        _batch = _own.Int("--batch", "N", "Images per gradient step (default 16).");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions(
            "Gradient steps per model; 0 only repairs (default: 20 minutes, and 2.5 more for each model after the first).", leastSteps: 0, each: true));
        _method = AddGroup(new MethodOptions(MethodNames.Espalier));
        Complete();
    }

    public override IReadOnlyList<string> Examples =>
        ["espalier sweep fashion-vit --from 0.95 --to 0.40 --points 24 --images fashion-mnist:train -n 500 --minutes 30 -o runs/family"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context)
    {
        // A target reads and checks a share of MACs.
        Target Share(Option<string> option) => TargetParser.Parse(keepMacs: parsed.GetRequiredValue(option), count: parsed.GetValue(_count));
        return Handlers.Sweep(new(
            parsed.GetRequiredValue(_model), Share(_from).Value, Share(_to).Value, parsed.GetValue(_points) ?? 24, Share(_to).Count, _method.Read(parsed),
            parsed.GetValue(_images), parsed.GetValue(_number) ?? 500, _effort.Read(parsed), parsed.GetValue(_eval), parsed.GetValue(_batch),
            parsed.GetRequiredValue(_output)), context);
    }
}
