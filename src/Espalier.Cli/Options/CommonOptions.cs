using System.CommandLine;
using System.Text.RegularExpressions;
using Espalier.Reports;

namespace Espalier.Cli.Options;

/// <summary>What every command accepts, as read.</summary>
public sealed record CommonSettings
{
    public long Seed { get; init; }

    /// <summary>Null: as many as there are processors.</summary>
    public int? Threads { get; init; }

    public string Device { get; init; } = "cpu";

    public string Precision { get; init; } = "auto";

    /// <summary>Seconds between two saved states of a training.</summary>
    public int SaveEvery { get; init; } = 60;

    public bool Json { get; init; }

    public bool Quiet { get; init; }

    public bool Verbose { get; init; }

    public bool Force { get; init; }
}

/// <summary>The options every command accepts.</summary>
public sealed partial class CommonOptions : OptionGroup
{
    private readonly Option<long?> _seed;
    private readonly Option<int?> _threads, _saveEvery;
    private readonly Option<string> _device;
    private readonly Option<string> _precision;
    private readonly Option<bool> _json;
    private readonly Option<bool> _quiet;
    private readonly Option<bool> _force;

    public CommonOptions() : base("Common options")
    {
        _seed = AddNumber<long>("--seed", "N", "Seed of everything random (default 0).", 0, long.MaxValue);
        _threads = AddNumber<int>("--threads", "N", "Threads for computing (default: one per processor).", 1, 4096);
        _device = Add<string>("--device", "cpu|cuda[:i]", "Where to compute (default cpu).");
        _device.Validators.Add(result =>
        {
            if (result.Tokens.Count > 0 && !DeviceName().IsMatch(result.Tokens[^1].Value))
                result.AddError($"--device {result.Tokens[^1].Value}: must be cpu, cuda or cuda:i.");
        });
        _precision = AddChoice("--precision", ["auto", "fp32", "bf16"], "Arithmetic of the heavy operators (default auto).");
        _saveEvery = AddNumber<int>("--save-every", "SECONDS", "How often a run saves its state for resume; 0 after every step (default 60).", 0);
        _json = AddFlag("--json", "The result as one JSON document on stdout.");
        _quiet = AddFlag("--quiet", "No progress.");
        Verbose = AddFlag("--verbose", "More about what is done, and where an error came from.");
        _force = AddFlag("--force", "Overwrite existing output.");
    }

    public Option<bool> Verbose { get; }

    public CommonSettings Read(ParseResult parsed) => new()
    {
        Seed = parsed.GetValue(_seed) ?? 0,
        Threads = parsed.GetValue(_threads),
        Device = parsed.GetValue(_device) ?? "cpu",
        Precision = parsed.GetValue(_precision) ?? "auto",
        SaveEvery = parsed.GetValue(_saveEvery) ?? 60,
        Json = parsed.GetValue(_json),
        Quiet = parsed.GetValue(_quiet),
        Verbose = parsed.GetValue(Verbose),
        Force = parsed.GetValue(_force),
    };

    /// <summary>A recorded command line with what was typed here about computing, saving and talking in place of its own.</summary>
    internal IReadOnlyList<string> Over(IReadOnlyList<string> recorded, ParseResult parsed)
    {
        var typed = new Option[] { _threads, _device, _precision, _saveEvery }.Where(o => IsTyped(parsed, o)).ToList();
        var flags = new[] { _json, _quiet, Verbose }.Where(o => parsed.GetValue(o)).Select(o => o.Name);
        var kept = CommandLineText.Without(recorded, [.. typed.Select(o => o.Name)]);
        // After the command's name: what was recorded may end in something that takes all that follows.
        return
        [
            .. kept.Take(1), .. flags.Where(f => !kept.Contains(f)),
            .. typed.SelectMany(o => new[] { o.Name, parsed.GetResult(o)!.Tokens[^1].Value }), .. kept.Skip(1),
        ];
    }

    /// <summary>An option that was typed though only the beginning of a run could decide it; null when there is none.</summary>
    internal string? OfRun(ParseResult parsed) => IsTyped(parsed, _seed) ? _seed.Name : IsTyped(parsed, _force) ? _force.Name : null;

    private static bool IsTyped(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    [GeneratedRegex("^(cpu|cuda(:[0-9]{1,2})?)$")]
    private static partial Regex DeviceName();
}
