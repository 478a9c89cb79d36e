using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats;

/// <summary>
/// Weights in several files: <c>model.safetensors.index.json</c> says in <c>weight_map</c> which file beside it holds which tensor.
/// </summary>
public sealed class ShardedFile : ITensorFile
{
    /// <summary>What the name of an index ends with.</summary>
    public const string IndexEnding = ".index.json";

    private readonly ImmutableArray<ITensorFile> _shards;
    private readonly ImmutableDictionary<string, ITensorFile> _byName;

    private ShardedFile(string path, ImmutableArray<ITensorFile> shards, ImmutableDictionary<string, ITensorFile> byName)
    {
        (Path, _shards, _byName) = (path, shards, byName);
        Infos = [.. byName.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Value.Info(t.Key))];
    }

    public string Path { get; }

    public ImmutableArray<TensorInfo> Infos { get; }

    /// <summary>Opens the index and every file it names.</summary>
    /// <exception cref="InputException">A file is missing or damaged, lies elsewhere, or lacks a tensor the index promises.</exception>
    public static ShardedFile Open(string path)
    {
        var map = ReadMap(path);
        var shards = new Dictionary<string, ITensorFile>(StringComparer.Ordinal);
        try
        {
            foreach (var name in map.Values.Distinct(StringComparer.Ordinal)) shards[name] = TensorFiles.Open(Beside(path, name));
            foreach (var (tensor, name) in map)
                if (!shards[name].Contains(tensor)) throw new InputException($"{path} says that {name} holds the tensor {tensor}, but it does not.");
            return new ShardedFile(path, [.. shards.Values], map.ToImmutableDictionary(t => t.Key, t => shards[t.Value], StringComparer.Ordinal));
        }
        catch
        {
            foreach (var shard in shards.Values) shard.Dispose();
            throw;
        }
    }

    /// <summary>The files an index names.</summary>
    public static IEnumerable<string> Shards(string path) => ReadMap(path).Values.Distinct(StringComparer.Ordinal).Select(name => Beside(path, name));

    public bool Contains(string name) => _byName.ContainsKey(name);

    public TensorInfo Info(string name) => Holder(name).Info(name);

    public float[] ReadFloats(string name) => Holder(name).ReadFloats(name);

    public void Dispose()
    {
        foreach (var shard in _shards) shard.Dispose();
    }

    private ITensorFile Holder(string name) => _byName.TryGetValue(name, out var shard) ? shard : throw new InputException($"{Path} has no tensor {name}.");

    private static Dictionary<string, string> ReadMap(string path)
    {
        if (Json.ParseObject(SmallFile.ReadText(path), path).Get("weight_map") is not { ValueKind: JsonValueKind.Object } map || !map.EnumerateObject().Any())
            throw new InputException($"{path} has no weight_map: it is no index of sharded weights.");
        if (map.GetPropertyCount() > TensorFiles.MostTensors) throw TensorFiles.TooMany(path, map.GetPropertyCount());
        return map.EnumerateObject().ToDictionary(e => e.Name, e => e.Value.ValueKind == JsonValueKind.String ? e.Value.GetString()!
            : throw Json.Wrong(path, $"weight_map of {e.Name}", "the name of a file", e.Value), StringComparer.Ordinal);
    }

    private static string Beside(string path, string name) =>
        name.Length > 0 && name == System.IO.Path.GetFileName(name) && name is not ("." or "..") && !name.Contains('\0') && !name.EndsWith(IndexEnding, StringComparison.Ordinal)
            ? System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path) ?? "", name)
            : throw new InputException($"{path} names the file {name}, which does not lie beside it.");
}
