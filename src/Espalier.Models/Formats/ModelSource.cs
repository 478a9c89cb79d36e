using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Espalier.Models.Data;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>A model as the user named it: what it is and where its weights lie. No tensor has been read yet.</summary>
public sealed class ModelSource
{
    private readonly Lazy<string?> sourceHash;

    internal ModelSource() => sourceHash = new Lazy<string?>(() => WeightsPath is null ? null : Hash(WeightsPath));

    /// <summary>What the user typed.</summary>
    public required string Model { get; init; }

    public required VitArchitecture Architecture { get; init; }

    public required Preprocessing Preprocessing { get; init; }

    /// <summary>The weights file; null when the model is an architecture's name and its weights are to be drawn.</summary>
    public string? WeightsPath { get; init; }

    public bool IsRandom => WeightsPath is null;

    /// <summary>What the head count rests on when it was inferred from tensor shapes; null when the config gives every block's heads.</summary>
    public string? HeadCountSource { get; init; }

    /// <summary>From <c>config.json</c>; null when there is none. Treat it as read-only.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Class names in label order; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames { get; init; } = [];

    /// <summary>SHA-256 of the weights file in lower-case hexadecimal, computed on first use; null when the weights are random.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public string? SourceHash => sourceHash.Value;

    /// <summary>
    /// Opens a model folder, a <c>.safetensors</c> file, the bundled model <c>fashion-vit</c> or a timm architecture name, in that order.
    /// The file's tensors are checked against the architecture: none missing, none unknown, every shape right.
    /// </summary>
    /// <exception cref="InputException">There is no such model, or it is incomplete, damaged or of a kind that is not read.</exception>
    public static ModelSource Open(string model) => ModelResolver.Resolve(model) switch
    {
        (null, { } entry) => new() { Model = model, Architecture = entry.Architecture, Preprocessing = entry.Preprocessing },
        ({ } weights, _) => ModelReader.Read(model, weights),
        _ => throw new InputException($"There is no model {model}."),
    };

    /// <summary>
    /// Only the architecture and preprocessing of a model, for training from scratch: a known name (also <c>fashion-vit</c>, bundled or
    /// not), or those of any model that <see cref="Open"/> finds.
    /// </summary>
    /// <exception cref="InputException">There is no such model or name.</exception>
    public static ModelSource OpenArchitecture(string model)
    {
        if (VitRegistry.Find(model) is { } entry && !Directory.Exists(model))
            return new() { Model = model, Architecture = entry.Architecture, Preprocessing = entry.Preprocessing };
        var source = Open(model);
        return new() { Model = model, Architecture = source.Architecture, Preprocessing = source.Preprocessing };
    }

    /// <summary>Opens the weights for reading; the caller disposes of the file.</summary>
    /// <exception cref="InvalidOperationException">The weights are random.</exception>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public SafetensorsFile OpenWeights() =>
        SafetensorsFile.Open(WeightsPath ?? throw new InvalidOperationException($"{Model} has random weights, not a file."));

    private static string Hash(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read {path}: {e.Message}", e);
        }
    }
}
