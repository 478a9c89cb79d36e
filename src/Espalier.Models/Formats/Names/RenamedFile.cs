using System.Collections.Immutable;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats.Names;

/// <summary>A tensor made of others.</summary>
/// <param name="Info">Under its new name.</param>
/// <param name="Read">Its elements.</param>
internal sealed record DerivedTensor(TensorInfo Info, Func<float[]> Read);

/// <summary>A file under other names, some of its tensors joined or computed. It owns the file.</summary>
internal sealed class RenamedFile : ITensorFile
{
    private readonly ITensorFile _file;
    private readonly ImmutableDictionary<string, DerivedTensor> _tensors;

    public RenamedFile(ITensorFile file, IEnumerable<DerivedTensor> tensors)
    {
        _file = file;
        _tensors = tensors.ToImmutableDictionary(t => t.Info.Name, StringComparer.Ordinal);
        Infos = [.. _tensors.Values.Select(t => t.Info).OrderBy(t => t.Name, StringComparer.Ordinal)];
    }

    public string Path => _file.Path;

    public ImmutableArray<TensorInfo> Infos { get; }

    public bool Contains(string name) => _tensors.ContainsKey(name);

    public TensorInfo Info(string name) => Tensor(name).Info;

    public float[] ReadFloats(string name) => Tensor(name).Read();

    public void Dispose() => _file.Dispose();

    /// <summary>Tensors of the file under a new name: one as it is, several joined along the first dimension.</summary>
    /// <exception cref="InputException">They do not fit each other.</exception>
    public static DerivedTensor Joined(ITensorFile file, string name, ImmutableArray<string> parts)
    {
        var first = file.Info(parts[0]);
        if (parts.Length == 1) return new(first with { Name = name }, () => file.ReadFloats(parts[0]));
        var infos = parts.Select(file.Info).ToList();
        if (infos.Any(p => p.Shape.IsEmpty || !p.Shape.AsSpan()[1..].SequenceEqual(first.Shape.AsSpan()[1..]) || p.ElementType != first.ElementType))
            throw new InputException($"{file.Path}: the tensors {string.Join(", ", parts)} of shapes "
                + $"{string.Join(", ", infos.Select(p => p.ShapeText))} do not make one {name}.");
        var joined = new TensorInfo(name, first.ElementType, first.Shape.SetItem(0, infos.Sum(p => p.Shape[0])));
        return new(joined, () => [.. parts.SelectMany(file.ReadFloats)]);
    }

    private DerivedTensor Tensor(string name) =>
        _tensors.TryGetValue(name, out var tensor) ? tensor : throw new InputException($"{Path} has no tensor {name}.");
}
