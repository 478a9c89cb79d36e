using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Espalier.Models.Data;
using Espalier.Models.Formats.Names;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>A model as the user named it: what it is and where its weights lie. No tensor has been read yet.</summary>
public sealed record ModelSource
{
    private readonly Lazy<string?> sourceHash;

    internal ModelSource() => sourceHash = new Lazy<string?>(() => WeightsPath is null ? null : Hash(TensorFiles.Parts(WeightsPath)));

    /// <summary>What the user typed.</summary>
    public required string Model { get; init; }

    /// <summary>The network as it is used: what <see cref="ModelFile.Load"/> gives.</summary>
    public required Architecture Architecture { get; init; }

    /// <summary>The network, for what works on Vision Transformers alone.</summary>
    /// <exception cref="UsageException">It is of another family.</exception>
    public VitArchitecture Vit => Architecture as VitArchitecture ?? throw new UsageException(
        $"{Architecture.Name} is a {Architecture.Family}; this works on Vision Transformers alone.")
        { Settings = ["Method"] };

    /// <summary>The network as its file has it, when that differs in image size or layer scales; the same as <see cref="Architecture"/> else.</summary>
    public Architecture Stored
    {
        get => field ?? Architecture;
        init;
    }

    public required Preprocessing Preprocessing { get; init; }

    /// <summary>The weights file; null when the model is an architecture's name and its weights are to be drawn.</summary>
    public string? WeightsPath { get; init; }

    public bool IsRandom => WeightsPath is null;

    /// <summary>The folder or file it was opened from, and its weights file: what must stay while the model is in use.</summary>
    public IEnumerable<string> Files => new[] { Path.Exists(Model) ? Model : null, WeightsPath }.OfType<string>();

    /// <summary>How the file was read, when its names are not timm's or it has more than the weights; null else.</summary>
    public string? ReadAs { get; init; }

    /// <summary>What the head count rests on when it was inferred from tensor shapes; null when the config gives every block's heads.</summary>
    public string? HeadCountSource { get; init; }

    /// <summary>From <c>config.json</c>; null when there is none. Treat it as read-only.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Class names in label order; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames { get; init; } = [];

    /// <summary>
    /// SHA-256 of the weights file (of its index and all parts, one after the other) in lower-case hexadecimal, computed on first use; null when
    /// the weights are random.
    /// </summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public string? SourceHash => sourceHash.Value;

    /// <summary>
    /// Opens a model folder, a <c>.safetensors</c> or PyTorch file, the bundled model <c>fashion-vit</c> or a timm architecture name, in that order.
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
        if (ModelRegistry.Find(model) is { } entry && !Directory.Exists(model))
            return new() { Model = model, Architecture = entry.Architecture, Preprocessing = entry.Preprocessing };
        var source = Open(model);
        return new() { Model = model, Architecture = source.Architecture, Preprocessing = source.Preprocessing };
    }

    /// <summary>Opens the weights for reading; the caller disposes of the file.</summary>
    /// <exception cref="InvalidOperationException">The weights are random.</exception>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public ITensorFile OpenWeights() =>
        TimmNames.Of(TensorFiles.Open(WeightsPath ?? throw new InvalidOperationException($"{Model} has random weights, not a file."))).File;

    /// <summary>The model for square images of another size: a position embedding is resampled when it is loaded.</summary>
    /// <exception cref="UsageException">The size does not suit the network.</exception>
    public ModelSource AtImageSize(int size) => this with
    {
        Stored = Stored,
        Architecture = Architecture.At(size),
        Preprocessing = Preprocessing with { Size = size },
    };

    /// <summary>The same model with its layer scales multiplied into the layers before them: what can be cut is all that is left.</summary>
    public ModelSource FoldLayerScale() => Architecture.Folded() is var folded && ReferenceEquals(folded, Architecture) ? this
        : this with { Stored = Stored, Architecture = folded };

    private static string Hash(IEnumerable<string> paths)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 16];
        foreach (var path in paths)
            try
            {
                using var stream = File.OpenRead(path);
                for (var read = stream.Read(buffer); read > 0; read = stream.Read(buffer)) hash.AppendData(buffer, 0, read);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new InputException($"Cannot read {path}: {e.Message}", e);
            }
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
