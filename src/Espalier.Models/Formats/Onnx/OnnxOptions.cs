using System.Collections.Immutable;
using System.Text.Json.Nodes;

namespace Espalier.Models.Formats.Onnx;

/// <summary>What an ONNX file shall be like, and what it shall say about its model.</summary>
public sealed record OnnxOptions
{
    /// <summary>The operator sets that can be written: 17 has LayerNormalization, 20 has Gelu, too.</summary>
    public static ImmutableArray<int> Opsets { get; } = [17, 20];

    public int Opset { get; init; } = 17;

    /// <summary>True: the graph takes bytes (<c>image</c>) and normalises them; false: it takes normalised <c>pixels</c>.</summary>
    public bool WithNormalization { get; init; }

    /// <summary>Seed of the inputs the written file is checked with.</summary>
    public ulong Seed { get; init; }

    /// <summary>How the weights came about; null when unknown.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Class names in label order; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames { get; init; } = [];

    /// <summary>SHA-256 of the weights file the model was read from; null when it was not read from one.</summary>
    public string? SourceHash { get; init; }

    /// <exception cref="UsageException">The operator set is not one of <see cref="Opsets"/>.</exception>
    public void Validate()
    {
        if (!Opsets.Contains(Opset))
            throw new UsageException($"Opset {Opset} cannot be written; choose one of {string.Join(", ", Opsets)}.");
    }
}
