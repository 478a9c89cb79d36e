using System.CommandLine;
using Espalier.Budget;

namespace Espalier.Cli.Options;

/// <summary>TARGET: exactly one of five ways to say how small the result shall be.</summary>
public sealed class TargetOptions : OptionGroup
{
    private readonly Option<string> _keepMacs, _reduceMacs, _macs, _params, _latency, _count;

    public TargetOptions() : base("Target, exactly one of")
    {
        _keepMacs = Add<string>("--keep-macs", "0.75", "Share of the MACs to keep.");
        _reduceMacs = Add<string>("--reduce-macs", "25%", "Share of the MACs to remove.");
        _macs = Add<string>("--macs", "0.94G", "MACs at most.");
        _params = Add<string>("--params", "4.3M", "Parameters at most.");
        _latency = Add<string>("--latency", "70%", "Share of the latency to keep.");
        _count = AddChoice("--count", ["budget", "full"], "MACs convention: budget (norms, no attention products; default) or full (attention products, no norms).");
    }

    public Target Read(ParseResult parsed) => TargetParser.Parse(
        parsed.GetValue(_keepMacs), parsed.GetValue(_reduceMacs), parsed.GetValue(_macs), parsed.GetValue(_params), parsed.GetValue(_latency),
        parsed.GetValue(_count));
}
