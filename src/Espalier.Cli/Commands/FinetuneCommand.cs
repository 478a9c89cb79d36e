using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

internal sealed class FinetuneCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _data, _output;
    private readonly Option<string?> _eval;
    private readonly TrainingOptions _training = new();
    private readonly EffortOptions _effort;

    public FinetuneCommand() : base("finetune", "Trains a model further on labelled images; another class count replaces its head.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _data = _own.Required("--data", "DATA", "Labelled training images.");
        _output = _own.Output("The run folder; a model folder once it is done.");
        _eval = _own.Text("--eval", "DATA", "Labelled images to measure accuracy on.");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps in all.", epochs: true));
        AddGroup(_training);
        Complete();
    }

    public override IReadOnlyList<string> Examples => ["espalier finetune fashion-vit --data fashion-mnist:train --epochs 1 -o runs/tuned"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Finetune(
        new(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_data), parsed.GetValue(_eval), _training.Read(parsed), _effort.Read(parsed),
            parsed.GetRequiredValue(_output)),
        context);
}
