namespace Espalier.Models.Formats.Safetensors;

/// <summary>Element types of a stored tensor, in the order of the format's own enumeration (files are sorted by it, descending).</summary>
public enum ElementType
{
    Bool,
    U8,
    I8,
    I16,
    F16,
    BF16,
    I32,
    F32,
    F64,
    I64,
}

/// <summary>Sizes and names of <see cref="ElementType"/>.</summary>
public static class ElementTypes
{
    /// <summary>Bytes per element: 1, 2, 4 or 8.</summary>
    public static int Size(this ElementType type) => type switch
    {
        ElementType.Bool or ElementType.U8 or ElementType.I8 => 1,
        ElementType.I16 or ElementType.F16 or ElementType.BF16 => 2,
        ElementType.I32 or ElementType.F32 => 4,
        ElementType.F64 or ElementType.I64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, null),
    };

    /// <summary>True for F16, BF16, F32 and F64.</summary>
    public static bool IsFloat(this ElementType type) =>
        type is ElementType.F16 or ElementType.BF16 or ElementType.F32 or ElementType.F64;

    /// <summary>The name in a safetensors header: the enum's own, in capitals.</summary>
    public static string HeaderName(this ElementType type) => type.ToString().ToUpperInvariant();

    /// <summary>Reads a header name; false for the format's other types (F8_E4M3, C64, U16, ...), which are not supported.</summary>
    public static bool TryParse(string? headerName, out ElementType type)
    {
        foreach (var candidate in Enum.GetValues<ElementType>())
        {
            type = candidate;
            if (type.HeaderName() == headerName) return true;
        }
        type = default;
        return false;
    }
}
