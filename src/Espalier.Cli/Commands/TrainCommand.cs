using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

internal sealed class TrainCommand : CliCommand
{
    private readonly Argument<string> _architecture;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _data, _output;
    private readonly Option<string?> _eval;
    private readonly TrainingOptions _training = new();
    private readonly EffortOptions _effort;

    public TrainCommand() : base("train", "Trains an architecture from random weights on labelled images.")
    {
        _architecture = AddArgument("ARCH", "A timm name, fashion-vit, or a model folder whose architecture is taken.");
        _data = _own.Required("--data", "DATA", "Labelled training images.");
        _output = _own.Output("The run folder; a model folder once it is done.");
        _eval = _own.Text("--eval", "DATA", "Labelled images to measure accuracy on.");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps in all.", epochs: true));
        AddGroup(_training);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier train fashion-vit --data fashion-mnist:train --epochs 10 -o runs/fashion"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Train(
        new(parsed.GetRequiredValue(_architecture), parsed.GetRequiredValue(_data), parsed.GetValue(_eval), _training.Read(parsed), _effort.Read(parsed),
            parsed.GetRequiredValue(_output)),
        context);
}
