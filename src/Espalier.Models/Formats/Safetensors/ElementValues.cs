using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>Stored elements as single precision.</summary>
internal static class ElementValues
{
    /// <summary>Converts little-endian elements of a floating type; F64 is rounded, F16 and BF16 are exact.</summary>
    /// <param name="type">A floating type.</param>
    /// <param name="bytes">As many elements as <paramref name="values"/> holds.</param>
    /// <param name="values">Filled.</param>
    public static void ToSingle(ElementType type, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        switch (type)
        {
            case ElementType.F32:
                MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);
                break;
            case ElementType.F16:
                for (var i = 0; i < values.Length; i++) values[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(2 * i)..]);
                break;
            case ElementType.BF16:
                // bfloat16 is the upper half of a single.
                for (var i = 0; i < values.Length; i++)
                    values[i] = BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]) << 16);
                break;
            case ElementType.F64:
                for (var i = 0; i < values.Length; i++) values[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(bytes[(8 * i)..]);
                break;
            default:
                throw new ArgumentException($"{type} is no floating type.");
        }
    }

    /// <summary>Refuses a tensor whose elements are not floating.</summary>
    /// <exception cref="InputException">They are not.</exception>
    public static void RequireFloat(TensorInfo tensor, string path)
    {
        if (!tensor.ElementType.IsFloat())
            throw new InputException($"{path}: tensor {tensor.Name} is {tensor.ElementType.HeaderName()}, where a floating type was expected.");
    }
}
