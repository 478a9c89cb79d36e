using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Espalier.Studies;

/// <summary>One row: a command line, and where it stands on every axis.</summary>
public sealed record StudyRow
{
    private const int LongestSlug = 60;

    /// <summary>The command; null when the model stays as it is.</summary>
    public required string? Command { get; init; }

    /// <summary>MODEL, as typed.</summary>
    public required string Model { get; init; }

    public required string Method { get; init; }

    /// <summary>Null where there is none.</summary>
    public string? Target { get; init; }

    /// <summary>n.</summary>
    public int? Images { get; init; }

    /// <summary>Name of the further arguments.</summary>
    public string? Switch { get; init; }

    public required long Seed { get; init; }

    /// <summary>Set once it was chosen.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Whether a learning rate is chosen for it.</summary>
    public bool Tuned { get; init; }

    /// <summary>Everything after the command but MODEL, seed, learning rate and output.</summary>
    public required ImmutableArray<string> Arguments { get; init; }

    /// <summary>A second command on the result.</summary>
    public (string Command, ImmutableArray<string> Arguments)? Then { get; init; }

    /// <summary>The command line but for its output; empty when the model stays as it is.</summary>
    public ImmutableArray<string> CommandLine => Command is null ? []
        :
        [
            Command, Model, .. Arguments, "--seed", $"{Seed}",
            .. LearningRate is { } rate ? ["--lr", rate.ToString("R", System.Globalization.CultureInfo.InvariantCulture)] : Array.Empty<string>(),
        ];

    /// <summary>Name of its folder: what it is in words, and a hash of every argument, so that a row that was changed is another row.</summary>
    public string Id
    {
        get
        {
            string?[] words = [Method, Switch, Target?.Replace("--", ""), Images is { } n ? $"n{n}" : null, $"seed{Seed}", LearningRate is { } rate ? FormattableString.Invariant($"lr{rate:R}") : null];
            var slug = new string([.. string.Join('_', words.Where(w => !string.IsNullOrEmpty(w))).Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' ? c : '-')]);
            var all = string.Join('\n', [.. CommandLine, Model, Method, Then?.Command ?? "", .. Then?.Arguments ?? []]);
            return $"{(slug.Length > LongestSlug ? slug[..LongestSlug] : slug)}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(all)))[..8]}";
        }
    }

    /// <summary>Where it stands on an axis of <see cref="StudyGrid.Per"/>.</summary>
    /// <exception cref="InputException">There is no such axis.</exception>
    public string On(string axis) => axis switch
    {
        "model" => Model,
        "method" => Method,
        "target" => Target ?? "",
        "images" => $"{Images}",
        "switch" => Switch ?? "",
        _ => throw new InputException($"learning_rates.per: there is no axis {axis}; the axes are model, method, target, images and switch."),
    };
}
