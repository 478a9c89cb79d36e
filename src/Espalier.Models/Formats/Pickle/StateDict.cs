using System.Collections.Immutable;

namespace Espalier.Models.Formats.Pickle;

/// <summary>Finds the tensors of the model in what people save: a state dict, a training checkpoint around one, or a whole model.</summary>
internal static class StateDict
{
    private const int MaxDepth = 64;

    /// <summary>
    /// Entries that hold the weights, the one to prefer first: a moving average (EMA) is what its authors evaluated, and what timm takes.
    /// </summary>
    private static readonly ImmutableArray<string> Containers =
    [
        "state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema",
        "state_dict", "model_state_dict", "model_state", "model", "module", "teacher", "target_encoder", "net", "network", "student", "weights", "params",
    ];

    /// <summary>The tensors by name, and the entry they were found under (empty at the top).</summary>
    /// <exception cref="InputException">There are none, or several sets of them to choose from.</exception>
    public static (string Entry, IReadOnlyDictionary<string, TorchTensor> Tensors) Find(object? root, string path) =>
        new Search(path).Find(root, "", 0) ?? throw new InputException($"{path} holds no tensors: it is no checkpoint of a model.");

    /// <summary>Each object is looked at once: entries may share their values, and hostile files share them many times over.</summary>
    private sealed class Search(string path)
    {
        private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);
        private readonly HashSet<object> _looked = new(ReferenceEqualityComparer.Instance);

        public (string, IReadOnlyDictionary<string, TorchTensor>)? Find(object? value, string entry, int depth)
        {
            if (depth > MaxDepth) throw TorchFault.Invalid(path, $"its entries are nested more than {MaxDepth} deep");
            if (Dict(value) is not { } dict || !_seen.Add(dict)) return null;
            if (Flatten(value, path) is { Count: > 0 } module) return (entry, module);
            foreach (var key in Containers)
                if (dict.TryGet(key, out var inner) && Find(inner, Join(entry, key), depth + 1) is { } found)
                    return found;
            if (Direct(dict) is { Count: > 0 } tensors) return (entry, tensors);
            // Someone's own name for it: good enough when it is the only set of named tensors.
            var sets = dict.Texts.Where(e => Dict(e.Value) is { } inner && _looked.Add(inner) && Direct(inner).Keys.Any(k => k.Contains('.'))).ToList();
            return sets.Count switch
            {
                0 => null,
                1 => (Join(entry, sets[0].Key), Direct(Dict(sets[0].Value)!)),
                _ => throw new InputException($"{path} holds several sets of tensors ({string.Join(", ", sets.Select(s => s.Key))}); save the one to "
                    + "be used alone."),
            };
        }
    }

    private static string Join(string entry, string key) => entry.Length == 0 ? key : $"{entry}.{key}";

    private static PickleDict? Dict(object? value) => value switch
    {
        PickleDict dict => dict,
        PickleObject { State: PickleDict state } => state,
        PickleObject other => other.Entries,
        _ => null,
    };

    private static IReadOnlyDictionary<string, TorchTensor> Direct(PickleDict dict)
    {
        var tensors = new Dictionary<string, TorchTensor>(StringComparer.Ordinal);
        foreach (var (key, value) in dict.Texts)
            if (value is TorchTensor tensor) tensors[key] = tensor;
        return tensors;
    }

    /// <summary>The state dict of a module that was pickled whole: its parameters and buffers, and those of its parts.</summary>
    private static Dictionary<string, TorchTensor>? Flatten(object? value, string path)
    {
        if (value is not PickleObject { State: PickleDict state } || !state.TryGet("_modules", out _)) return null;
        var tensors = new Dictionary<string, TorchTensor>(StringComparer.Ordinal);
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var letters = 0L;
        Collect(state, "", 0);
        return tensors;

        void Collect(PickleDict module, string prefix, int depth)
        {
            if (depth > MaxDepth || !seen.Add(module)) return; // a module that is shared keeps its first name
            foreach (var kind in new[] { "_parameters", "_buffers" })
                if (module.TryGet(kind, out var own) && own is PickleDict named)
                    foreach (var (name, tensor) in Direct(named)) tensors[Joined(prefix, name)] = tensor;
            if (!module.TryGet("_modules", out var parts) || parts is not PickleDict children) return;
            foreach (var (name, child) in children.Texts)
                if (child is PickleObject { State: PickleDict inner }) Collect(inner, Joined(prefix, name) + ".", depth + 1);
        }

        // A long name of a part is written once in the file, but here in the name of each tensor below it.
        string Joined(string prefix, string name)
        {
            letters += prefix.Length + name.Length;
            if (tensors.Count > TensorFiles.MostTensors) throw TensorFiles.TooMany(path, tensors.Count);
            return letters <= PickleReader.MaxLength ? prefix + name
                : throw TorchFault.Invalid(path, $"the names of its tensors have more than {PickleReader.MaxLength} letters in all");
        }
    }
}
