using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>Kind of a value that crosses the door; mirrors <c>Tag</c> in <c>native/door.cpp</c>.</summary>
internal enum ValueTag
{
    None = 0,
    Default = 1,
    Tensor = 2,
    Int = 3,
    Double = 4,
    Bool = 5,
    String = 6,
    IntList = 7,
    DoubleList = 8,
    BoolList = 9,
    TensorList = 10,
    Generator = 11,
}

/// <summary>One tagged value, 16 bytes, blittable; mirrors <c>Value</c> in <c>native/door.cpp</c>.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal struct NativeValue
{
    [FieldOffset(0)] public ValueTag Tag;
    [FieldOffset(4)] public int Length;
    [FieldOffset(8)] public long Int;
    [FieldOffset(8)] public double Double;
    [FieldOffset(8)] public nint Pointer;
}
