using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Vit;

namespace Espalier.Models;

/// <summary>A known architecture and the preprocessing its published weights were trained with.</summary>
public sealed record ModelEntry(Architecture Architecture, Preprocessing Preprocessing);

/// <summary>The networks of all families that are known by name.</summary>
public static class ModelRegistry
{
    /// <summary>Every known name, in ordinal order.</summary>
    public static IEnumerable<string> Names => VitRegistry.Names.Concat(CnnRegistry.Names).Order(StringComparer.Ordinal);

    /// <summary>The entry of a timm name, with or without the tag of its weights.</summary>
    /// <returns>null when the name, or the tag, is not known.</returns>
    public static ModelEntry? Find(string name) => Entry(VitRegistry.Find(name)) ?? CnnRegistry.Find(name);

    /// <summary>The entry of a weights file as published, by its name without the ending.</summary>
    /// <returns>null when it is not known.</returns>
    public static ModelEntry? FindFile(string stem) => Entry(VitRegistry.FindFile(stem)) ?? CnnRegistry.FindFile(stem);

    private static ModelEntry? Entry(VitEntry? vit) => vit is null ? null : new(vit.Architecture, vit.Preprocessing);
}
