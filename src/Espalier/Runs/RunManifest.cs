using System.Collections.Immutable;
using System.Text.Json.Serialization;

namespace Espalier.Runs;

/// <summary>What was asked for: <c>run.json</c>, written once and never changed.</summary>
public sealed record RunManifest
{
    /// <summary>Version of the run folder's layout.</summary>
    public const int CurrentFormat = 1;

    public int FormatVersion { get; init; } = CurrentFormat;

    /// <summary>The command's name, e.g. <c>compress</c>.</summary>
    public required string Command { get; init; }

    /// <summary>Everything typed after the program's name, the command included; empty when a program began the run through the library.</summary>
    public required ImmutableArray<string> Arguments { get; init => field = value.IsDefault ? [] : value; }

    /// <summary>Where it was typed: relative paths among the arguments start there.</summary>
    public required string WorkingDirectory { get; init; }

    /// <summary>Version of Espalier that began the run.</summary>
    public required string Version { get; init; }

    /// <summary>True when the folder was new or empty: everything in it is the run's own and may be cleared by <c>--force</c>.</summary>
    public bool OwnsFolder { get; init; }

    /// <summary>Whether a command line says all of it.</summary>
    [JsonIgnore]
    public bool IsTyped => !Arguments.IsEmpty;

    /// <summary>What is begun here and now by this version.</summary>
    internal static RunManifest Of(string command, ImmutableArray<string> arguments) => new()
    {
        Command = command,
        Arguments = arguments,
        WorkingDirectory = Directory.GetCurrentDirectory(),
        Version = EspalierVersion.Text,
    };
}

/// <summary>What <c>run.json</c> says in every version.</summary>
internal sealed record RunFormat
{
    public int? FormatVersion { get; init; }

    public string? Version { get; init; }
}
