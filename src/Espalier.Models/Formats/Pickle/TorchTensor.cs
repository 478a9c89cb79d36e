using System.Collections.Immutable;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats.Pickle;

/// <summary>A run of elements that tensors are views of.</summary>
/// <param name="Key">Its name in the file.</param>
/// <param name="ElementType">null: a type that is not read.</param>
/// <param name="TypeName">PyTorch's name of its class, for errors.</param>
/// <param name="Count">Elements; bytes when it has no type of its own.</param>
internal sealed record TorchStorage(string Key, ElementType? ElementType, string TypeName, long Count)
{
    /// <summary>Where it starts in the stored one, in elements: old files have views of storages, too.</summary>
    public long First { get; init; }

    public bool IsUntyped => TypeName == "UntypedStorage";

    /// <summary>Bytes it claims; null when its type is not read.</summary>
    public Int128? ByteLength => IsUntyped && ElementType is null ? Count : (Int128)Count * ElementType?.Size();

    public string Describe() => $"{Count} elements of {TypeName}";
}

/// <summary>A tensor as a view of a storage: element (i, j, …) lies at offset + i·stride₀ + j·stride₁ + …</summary>
internal sealed record TorchTensor(TorchStorage Storage, long Offset, ImmutableArray<long> Shape, ImmutableArray<long> Strides)
{
    private const int MaxRank = 32;

    // An expanded tensor (stride 0) is larger than its storage; a lie about a size would be, too.
    private const long MostRepeated = 1 << 20;

    public long Count { get; private init; }

    /// <summary>One past the last element it touches, counted from <see cref="Offset"/>.</summary>
    public long Extent { get; private init; }

    public bool IsContiguous { get; private init; }

    /// <summary>The tensor; null when it does not lie inside its storage, or is far larger.</summary>
    public static TorchTensor? Checked(TorchStorage storage, long offset, ImmutableArray<long> shape, ImmutableArray<long> strides)
    {
        if (offset < 0 || shape.Length != strides.Length || shape.Length > MaxRank || shape.Any(s => s < 0) || strides.Any(s => s < 0)) return null;
        Int128 count = 1, last = 0, dense = 1;
        var isContiguous = true;
        for (var k = shape.Length - 1; k >= 0; k--)
        {
            count *= shape[k];
            if (count > long.MaxValue) return null;
            if (shape[k] == 0) continue;
            last += (Int128)(shape[k] - 1) * strides[k];
            isContiguous &= shape[k] == 1 || strides[k] == dense;
            dense *= shape[k];
        }
        var extent = count == 0 ? 0 : last + 1;
        if (offset + extent > storage.Count || count > Math.Max(storage.Count, MostRepeated)) return null;
        return new TorchTensor(storage, offset, shape, strides) { Count = (long)count, Extent = (long)extent, IsContiguous = isContiguous };
    }

    /// <summary>Brings the elements it touches into row-major order.</summary>
    /// <param name="touched">Elements from <see cref="Offset"/> on, <see cref="Extent"/> of them.</param>
    /// <param name="size">Bytes of an element.</param>
    public byte[] Gather(byte[] touched, int size)
    {
        if (IsContiguous) return touched;
        var result = new byte[checked((int)(Count * size))];
        var index = new long[Shape.Length];
        long at = 0;
        for (var k = 0L; k < Count; k++)
        {
            touched.AsSpan((int)(at * size), size).CopyTo(result.AsSpan((int)(k * size)));
            for (var d = index.Length - 1; d >= 0; d--)
            {
                at += Strides[d];
                if (++index[d] < Shape[d]) break;
                at -= Strides[d] * Shape[d];
                index[d] = 0;
            }
        }
        return result;
    }
}
