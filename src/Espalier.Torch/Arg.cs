using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>
/// One argument of an operator call. Integers and doubles stay apart, because an operator may treat a scalar's type as the
/// result's: <c>2</c> keeps an integer tensor integral, <c>2.0</c> does not.
/// </summary>
public readonly struct Arg
{
    internal readonly ValueTag Tag;
    internal readonly long Bits;
    internal readonly object? Object;

    private Arg(ValueTag tag, long bits, object? value)
    {
        Tag = tag;
        Bits = bits;
        Object = value;
    }

    /// <summary>An explicit None.</summary>
    public static Arg None => default;

    /// <summary>Whatever the operator's schema has as default.</summary>
    public static Arg Default => new(ValueTag.Default, 0, null);

    public static implicit operator Arg(Tensor? tensor) => tensor is null ? None : new(ValueTag.Tensor, 0, tensor);
    public static implicit operator Arg(long value) => new(ValueTag.Int, value, null);
    public static implicit operator Arg(int value) => new(ValueTag.Int, value, null);
    public static implicit operator Arg(double value) => new(ValueTag.Double, BitConverter.DoubleToInt64Bits(value), null);
    public static implicit operator Arg(bool value) => new(ValueTag.Bool, value ? 1 : 0, null);
    public static implicit operator Arg(DType value) => new(ValueTag.Int, (long)value, null);
    public static implicit operator Arg(string value) => new(ValueTag.String, 0, value);
    public static implicit operator Arg(long[] values) => new(ValueTag.IntList, 0, values);
    public static implicit operator Arg(double[] values) => new(ValueTag.DoubleList, 0, values);
    public static implicit operator Arg(bool[] values) => new(ValueTag.BoolList, 0, values);
    public static implicit operator Arg(Generator? generator) => generator is null ? None : new(ValueTag.Generator, 0, generator);
    public static implicit operator Arg(Tensor?[] tensors) => new(ValueTag.TensorList, 0, tensors);

    /// <summary>The argument as error messages show it: a tensor by element type and shape.</summary>
    public override string ToString() => Tag switch
    {
        ValueTag.None => "None",
        ValueTag.Default => "default",
        ValueTag.Int => Bits.ToString(),
        ValueTag.Bool => Bits != 0 ? "true" : "false",
        ValueTag.Double => BitConverter.Int64BitsToDouble(Bits).ToString("R"),
        ValueTag.IntList => $"[{string.Join(", ", (long[])Object!)}]",
        ValueTag.DoubleList => $"[{string.Join(", ", (double[])Object!)}]",
        ValueTag.BoolList => $"[{string.Join(", ", ((bool[])Object!).Select(b => b ? "true" : "false"))}]",
        ValueTag.TensorList => ListText((Tensor?[])Object!),
        ValueTag.Tensor => ((Tensor)Object!).Describe(),
        ValueTag.Generator => $"a generator for {((Generator)Object!).Device}",
        _ => $"\"{Object}\"",
    };

    private static string ListText(Tensor?[] tensors)
    {
        const int Shown = 4;
        var text = string.Join(", ", tensors.Take(Shown).Select(t => t?.Describe() ?? "None"));
        return tensors.Length <= Shown ? $"[{text}]" : $"[{text}, … {tensors.Length} in all]";
    }
}
