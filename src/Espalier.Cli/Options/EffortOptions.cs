using System.Collections.Immutable;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Espalier.Cli.Options;

/// <summary>How much work to do, as read; at most one is set.</summary>
public sealed record EffortSettings(long? Steps, double? Minutes, int? Epochs)
{
    /// <summary>Steps of each of several models, the first ones <see cref="Steps"/>; empty when one number is for all.</summary>
    public ImmutableArray<long> Each { get; init; } = [];

    public TimeSpan? Time => Minutes is { } minutes ? TimeSpan.FromMinutes(minutes) : null;
}

/// <summary>How much work to do: by steps, by the clock or, for supervised training, by epochs.</summary>
public sealed class EffortOptions : OptionGroup
{
    // A thousand years.
    private const double MostMinutes = 5e8;
    private const long MostSteps = 1_000_000_000_000;
    private readonly Option<long[]?> _steps;
    private readonly Option<double?> _minutes;
    private readonly Option<int?>? _epochs;

    /// <param name="steps">What a step is.</param>
    /// <param name="epochs">Whether there are epochs.</param>
    /// <param name="leastSteps">The smallest number of steps.</param>
    /// <param name="each">Whether there are several models, and steps may be given for each.</param>
    public EffortOptions(string steps, bool epochs = false, long leastSteps = 1, bool each = false) : base("Effort, at most one of")
    {
        _steps = Add<long[]?>("--steps", each ? "S[,S...]" : "S", steps);
        _steps.Arity = ArgumentArity.ExactlyOne;
        _steps.CustomParser = result => Numbers(result, leastSteps, each);
        _minutes = AddNumber<double>("--minutes", "T", "Bounds the whole command to T minutes (and 10 % at most).", 0, MostMinutes);
        if (epochs) _epochs = AddNumber<int>("--epochs", "E", "Passes over the data.", 1);
    }

    public EffortSettings Read(ParseResult parsed)
    {
        long[] steps = parsed.GetValue(_steps) ?? [];
        var settings = new EffortSettings(steps.Length > 0 ? steps[0] : null, parsed.GetValue(_minutes), _epochs is null ? null : parsed.GetValue(_epochs))
        {
            Each = steps.Length > 1 ? [.. steps] : [],
        };
        if (settings.Minutes is 0) throw new UsageException("--minutes must be above 0.");
        var given = new[] { (settings.Steps is null, "--steps"), (settings.Minutes is null, "--minutes"), (settings.Epochs is null, "--epochs") }
            .Where(g => !g.Item1).Select(g => g.Item2).ToList();
        return given.Count <= 1 ? settings : throw new UsageException($"{string.Join(" and ", given)} exclude each other; give one.");
    }

    private static long[]? Numbers(ArgumentResult result, long least, bool each)
    {
        var text = result.Tokens.Count > 0 ? result.Tokens[^1].Value : "";
        var numbers = Array.ConvertAll(each ? text.Split(',') : [text],
            t => long.TryParse(t, NumberStyles.Float, CultureInfo.InvariantCulture, out var n) && n >= least && n <= MostSteps ? n : -1);
        if (!numbers.Contains(-1)) return numbers;
        result.AddError($"--steps {text}: must be a whole number of at least {least} and at most {MostSteps}{(each ? ", or one for each model" : "")}.");
        return null;
    }
}
