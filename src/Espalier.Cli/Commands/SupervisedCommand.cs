using System.CommandLine;
using Espalier.Cli.Options;

namespace Espalier.Cli.Commands;

/// <summary>What <c>train</c> and <c>finetune</c> are asked; the model is an architecture for <c>train</c>.</summary>
public sealed record TrainOptions(string Model, string Data, string? Eval, TrainingSettings Training, EffortSettings Effort, string Output,
    int? ImageSize = null);

/// <summary><c>train</c> and <c>finetune</c>: the same options around another starting point.</summary>
internal abstract class SupervisedCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _data, _output;
    private readonly Option<string?> _eval;
    private readonly Option<int?> _imageSize;
    private readonly TrainingOptions _training = new();
    private readonly EffortOptions _effort;

    protected SupervisedCommand(string name, string description, string argument, string argumentDescription) : base(name, description)
    {
        _model = AddArgument(argument, argumentDescription);
        _data = _own.Required("--data", "DATA", "Labelled training images.");
        _output = _own.Output("The run folder; a model folder once it is done.");
        _eval = _own.Text("--eval", "DATA", "Labelled images to measure accuracy on.");
        _imageSize = _own.ImageSize();
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps in all.", epochs: true));
        AddGroup(_training);
        AddProcesses();
        Complete();
    }

    protected TrainOptions Read(ParseResult parsed) => new(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_data),
        parsed.GetValue(_eval), _training.Read(parsed), _effort.Read(parsed), parsed.GetRequiredValue(_output), parsed.GetValue(_imageSize));
}
