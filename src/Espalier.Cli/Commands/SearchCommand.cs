using System.CommandLine;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>search</c> is asked.</summary>
public sealed record SearchOptions(
    string Model, Target Target, string Data, string? Eval, TrainingSettings Training, int? Accumulate, EffortSettings Effort, string Profile,
    IReadOnlyDictionary<string, string> Switches, string Output);

internal sealed class SearchCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly TargetOptions _target;
    private readonly OwnOptions _own = new();
    private readonly Option<string> _data, _output;
    private readonly Option<string?> _eval;
    private readonly Option<int?> _accumulate;
    private readonly EffortOptions _effort;
    private readonly TrainingOptions _training;
    private readonly SearchSwitches _switches;

    public SearchCommand() : base("search", "Searches widths of the whole network with labels (OFB), cuts them out and trains on.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit.");
        _target = AddGroup(new TargetOptions());
        _data = _own.Required("--data", "DATA", "Labelled training images.");
        _output = _own.Output("The run folder; a model folder once it is done.");
        _eval = _own.Text("--eval", "DATA", "Labelled images to measure accuracy on.");
        _accumulate = _own.Int("--accumulate", "N", "Batches per gradient step (default 1).");
        AddGroup(_own);
        _effort = AddGroup(new EffortOptions("Gradient steps in all, search and recovery.", epochs: true));
        _training = AddGroup(new TrainingOptions());
        _switches = AddGroup(new SearchSwitches());
        AddProcesses();
        Complete();
    }

    public override IReadOnlyList<string> Examples =>
        ["espalier search fashion-vit --keep-macs 0.5 --data fashion-mnist:train --epochs 20 --eval fashion-mnist:test -o runs/searched"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Search(new(
        parsed.GetRequiredValue(_model), _target.Read(parsed), parsed.GetRequiredValue(_data), parsed.GetValue(_eval), _training.Read(parsed),
        parsed.GetValue(_accumulate), _effort.Read(parsed), _switches.Profile(parsed), _switches.Switches(parsed), parsed.GetRequiredValue(_output)), context);

    /// <summary>The profile and single switches of OFB.</summary>
    private sealed class SearchSwitches : OptionGroup
    {
        private readonly Option<string> _profile;
        private readonly Option<string[]> _switch;

        public SearchSwitches() : base("Method")
        {
            _profile = AddChoice("--profile", ["clean", "official"], "Corrected, or like the published code (default clean).");
            _switch = Add<string[]>("--switch", "TOPIC=SETTING", "One switch of the method, e.g. pmim=no or lambda=0.1; may be repeated.");
        }

        public string Profile(ParseResult parsed) => parsed.GetValue(_profile) ?? "clean";

        public IReadOnlyDictionary<string, string> Switches(ParseResult parsed) => MethodOptions.Pairs(parsed.GetValue(_switch) ?? []);
    }
}
