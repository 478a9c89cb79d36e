using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Espalier.Models.Data;

namespace Espalier.Models.Vit;

/// <summary>A known architecture and the preprocessing its published weights were trained with.</summary>
public sealed record VitEntry(VitArchitecture Architecture, Preprocessing Preprocessing);

/// <summary>The Vision Transformers known by name: timm's plain classifiers and feature extractors, its Swin, and the small ones of this product.</summary>
public static partial class VitRegistry
{
    private static readonly ImmutableSortedDictionary<string, VitEntry> Entries =
        VitFamilies.All.ToImmutableSortedDictionary(e => e.Architecture.Name, e => e, StringComparer.Ordinal);

    /// <summary>Every known name, in ordinal order.</summary>
    public static IEnumerable<string> Names => Entries.Keys;

    /// <summary>The entry of a timm name, with or without the tag of its weights (<c>vit_tiny_patch16_224.augreg_in21k_ft_in1k</c>).</summary>
    /// <returns>null when the name, or the tag, is not known.</returns>
    public static VitEntry? Find(string name)
    {
        var parts = name.Split('.', 2);
        if (Entries.GetValueOrDefault(parts[0]) is not { } entry) return null;
        return parts.Length == 1 ? entry : VitFamilies.Tags.TryGetValue(parts[1], out var change) ? change(entry) : null;
    }

    /// <summary>
    /// The entry of a weights file as published: a timm name, or the name its authors gave it, with or without the hash behind it
    /// (<c>deit_tiny_patch16_224-a1311bcf</c>, <c>mae_pretrain_vit_base</c>, <c>vit_b_16-c867db91</c>).
    /// </summary>
    /// <returns>null when it is not known.</returns>
    public static VitEntry? FindFile(string stem)
    {
        var bare = HashEnding().Replace(stem, "");
        return Find(bare) ?? (VitFamilies.FileNames.TryGetValue(bare, out var published) ? published() : null);
    }

    [GeneratedRegex("-[0-9a-f]{8}$")]
    private static partial Regex HashEnding();
}
