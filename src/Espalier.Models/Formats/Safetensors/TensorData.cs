using System.Collections.Immutable;
using System.Runtime.InteropServices;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>A tensor to be written: its description and the way to its bytes.</summary>
/// <param name="Name">Unique within the file; not <c>__metadata__</c>.</param>
/// <param name="ElementType">Type of every element.</param>
/// <param name="Shape">Extents, each ≥ 0; empty for a scalar.</param>
/// <param name="Write">Writes exactly the tensor's bytes: row-major, little-endian. Called once, when its turn comes.</param>
public sealed record TensorData(string Name, ElementType ElementType, ImmutableArray<long> Shape, Action<Stream> Write)
{
    /// <summary>A tensor whose bytes lie in memory already.</summary>
    public TensorData(string name, ElementType elementType, ImmutableArray<long> shape, ReadOnlyMemory<byte> bytes)
        : this(name, elementType, shape, stream => stream.Write(bytes.Span))
    {
    }

    /// <summary>A single-precision tensor whose elements lie in memory already.</summary>
    public static TensorData Floats(string name, ImmutableArray<long> shape, ReadOnlyMemory<float> values) =>
        new(name, ElementType.F32, shape, stream => stream.Write(MemoryMarshal.AsBytes(values.Span)));

    /// <summary>Length in bytes.</summary>
    /// <exception cref="OverflowException">The shape's product does not fit in 63 bits.</exception>
    public long ByteLength => checked(Shape.Aggregate(1L, (count, extent) => checked(count * extent)) * ElementType.Size());
}
