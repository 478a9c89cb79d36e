using System.Collections.Immutable;

namespace Espalier.Models.Formats;

/// <summary>Published networks that compute something else from the very tensors of one that is read: only their names give them away.</summary>
internal static class OtherNetworks
{
    // timm's and torchvision's spellings; "_rope_" with its underscores, as "europe" is a word.
    private static readonly ImmutableArray<(string Part, string Why)> s_names =
    [
        ("quickgelu", "uses the activation QuickGELU, which is not supported; only GELU is"),
        ("_rpn_", "normalises what each part gives (res-post-norm), which is not supported; only norms before each part are"),
        ("_rope_", "rotates queries and keys by position (RoPE), which is not supported"),
        ("resnetaa", "smooths its maps where it strides (anti-aliasing), which is not supported"),
        ("resnetblur", "smooths its maps where it strides (blur pooling), which is not supported"),
    ];

    /// <summary>Refuses such a name.</summary>
    /// <param name="weights">The weights file, for errors.</param>
    /// <param name="names">What the config, the file or its folder call the network.</param>
    /// <exception cref="InputException">One of the names is such a network's.</exception>
    public static void Refuse(string weights, params IEnumerable<string?> names)
    {
        foreach (var name in names.OfType<string>())
            foreach (var (part, why) in s_names)
                if (name.Contains(part, StringComparison.OrdinalIgnoreCase)) throw new InputException($"{weights}: {name} {why}.");
    }
}
