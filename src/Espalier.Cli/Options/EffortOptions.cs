using System.CommandLine;

namespace Espalier.Cli.Options;

/// <summary>How much work to do, as read; at most one is set.</summary>
public sealed record EffortSettings(long? Steps, double? Minutes, int? Epochs)
{
    public TimeSpan? Time => Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : null;
}

/// <summary>How much work to do: by steps, by the clock or, for supervised training, by epochs.</summary>
public sealed class EffortOptions : OptionGroup
{
    private readonly Option<long?> _steps;
    private readonly Option<double?> _minutes;
    private readonly Option<int?>? _epochs;

    public EffortOptions(string steps, bool epochs = false, long leastSteps = 1) : base("Effort, at most one of")
    {
        _steps = AddNumber<long>("--steps", "S", steps, leastSteps);
        _minutes = AddNumber<double>("--minutes", "T", "Bounds the whole command to T minutes (and 10 % at most).", 0);
        if (epochs) _epochs = AddNumber<int>("--epochs", "E", "Passes over the data.", 1);
    }

    public EffortSettings Read(ParseResult parsed)
    {
        var settings = new EffortSettings(parsed.GetValue(_steps), parsed.GetValue(_minutes), _epochs is null ? null : parsed.GetValue(_epochs));
        if (settings.Minutes is 0) throw new UsageException("--minutes must be above 0.");
        var given = new[] { (settings.Steps is null, "--steps"), (settings.Minutes is null, "--minutes"), (settings.Epochs is null, "--epochs") }
            .Where(g => !g.Item1).Select(g => g.Item2).ToList();
        return given.Count <= 1 ? settings : throw new UsageException($"{string.Join(" and ", given)} exclude each other; give one.");
    }
}
