using System.Collections.Immutable;

namespace Espalier.Models.Formats.Names;

/// <summary>Looks at a file of any known naming scheme as if its tensors had timm's names and layout.</summary>
internal static class TimmNames
{
    private const int Shown = 3;
    // How many batches a BatchNorm has seen: nothing goes by it.
    private const string Counter = ".num_batches_tracked";

    /// <summary>The file under timm's names; its owner is the result. A file of no known scheme is left as it is.</summary>
    /// <exception cref="InputException">It holds several networks, parts of a tensor are missing, or it is of a kind that is not read.</exception>
    public static (ITensorFile File, string? Scheme) Of(ITensorFile file)
    {
        foreach (var scheme in NamingSchemes.All)
        {
            if (Prefix(file, scheme) is not { } prefix) continue;
            var tensors = Merge(file, StageNames.Present([.. Rename(file, scheme, prefix)]));
            var isPlain = tensors.All(t => t.Value is [var only] && only == t.Key) && tensors.Count == file.Infos.Length;
            return (isPlain ? file : new RenamedFile(file, RegisterPositions.Apply(file, tensors)), scheme.Title);
        }
        return (file, null);
    }

    // What stands before the anchor; null when the file does not have it.
    private static string? Prefix(ITensorFile file, NamingScheme scheme)
    {
        var found = file.Infos.Select(t => t.Name)
            .Where(n => n.EndsWith(scheme.Anchor, StringComparison.Ordinal) && (n.Length == scheme.Anchor.Length || n[^(scheme.Anchor.Length + 1)] == '.'))
            .Select(n => n[..^scheme.Anchor.Length]).ToList();
        return found.Count == 0 ? null : found.Contains("") ? "" : found.Count == 1 ? found[0]
            : throw new InputException($"{file.Path} holds several networks, under {string.Join(", ", found.Take(Shown))}; save the one to be used alone.");
    }

    // Pairs of their name and ours, the latter with "/part" where several make one.
    private static IEnumerable<(string Theirs, string Ours)> Rename(ITensorFile file, NamingScheme scheme, string prefix)
    {
        foreach (var name in file.Infos.Select(t => t.Name).Where(n => !n.EndsWith(Counter, StringComparison.Ordinal)))
        {
            var bare = Strip(name, prefix);
            switch (scheme.Target(bare))
            {
                case null: yield return (name, scheme.KeepsOthers ? bare : name); break;
                case "": break;
                case ['!', .. var reason]: throw new InputException($"{file.Path} is a network that is not supported: {reason} (tensor {name}).");
                case var ours: yield return (name, ours); break;
            }
        }
    }

    // A head may stand beside the network instead of in it: model.vit.… and model.classifier.
    private static string Strip(string name, string prefix)
    {
        for (var length = prefix.Length; length > 0; length = prefix.LastIndexOf('.', length - 2) + 1)
            if (name.AsSpan().StartsWith(prefix.AsSpan(0, length), StringComparison.Ordinal)) return name[length..];
        return name;
    }

    private static SortedDictionary<string, ImmutableArray<string>> Merge(ITensorFile file, IEnumerable<(string Theirs, string Ours)> names)
    {
        var tensors = new SortedDictionary<string, ImmutableArray<string>>(StringComparer.Ordinal);
        foreach (var group in names.GroupBy(n => n.Ours.Split('/')[0], StringComparer.Ordinal))
        {
            var parts = group.OrderBy(n => n.Ours, StringComparer.Ordinal).ToList();
            var isSplit = parts[0].Ours.Contains('/');
            if (parts.DistinctBy(n => n.Ours).Count() != parts.Count || (parts.Count > 1 && !isSplit))
                throw new InputException($"{file.Path} has more than one tensor for {group.Key}: "
                    + $"{string.Join(", ", parts.Take(Shown).Select(n => n.Theirs))}.");
            if (isSplit && parts.Count != 3)
                throw new InputException($"{file.Path} has {string.Join(", ", parts.Select(n => n.Theirs))} without the rest of {group.Key}: "
                    + "query, key and value belong together.");
            tensors[group.Key] = [.. parts.Select(n => n.Theirs)];
        }
        return tensors;
    }
}
