using System.Collections.Immutable;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>What a file says of one tensor.</summary>
/// <param name="Name">Unique within the file.</param>
/// <param name="ElementType">Type of every element.</param>
/// <param name="Shape">Extents, each ≥ 0; empty for a scalar.</param>
public record TensorInfo(string Name, ElementType ElementType, ImmutableArray<long> Shape)
{
    /// <summary>Number of elements; 1 for a scalar.</summary>
    public long Count => Shape.Aggregate(1L, (count, extent) => count * extent);

    /// <summary>The shape as people write it, e.g. <c>[576, 192]</c>.</summary>
    public string ShapeText => Describe(Shape);

    /// <summary>A shape as people write it, e.g. <c>[576, 192]</c>.</summary>
    public static string Describe(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}

/// <summary>One tensor of a safetensors file: row-major, little-endian, without strides.</summary>
/// <param name="Name">Unique within the file.</param>
/// <param name="ElementType">Type of every element.</param>
/// <param name="Shape">Extents, each ≥ 0; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data.</param>
/// <param name="End">One past the last byte, counted from the start of the data.</param>
public sealed record SafetensorsEntry(string Name, ElementType ElementType, ImmutableArray<long> Shape, long Begin, long End)
    : TensorInfo(Name, ElementType, Shape)
{
    public long ByteLength => End - Begin;
}
