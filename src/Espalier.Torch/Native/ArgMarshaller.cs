using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Espalier.Torch.Native;

/// <summary>
/// Turns arguments into native values for one call, and holds what they point to until the call is over. Lists and texts are
/// copied: short ones into the caller's scratch memory, so that an ordinary call allocates nothing.
/// </summary>
/// <param name="scratch">At least <see cref="ScratchBytes"/> bytes of the caller's stack, 8-byte aligned.</param>
internal unsafe ref struct ArgMarshaller(byte* scratch)
{
    internal const int ScratchBytes = 512;

    private Inline _inline;
    private int _count;
    private List<SafeHandle>? _more;
    private int _used;
    private List<nint>? _blocks;

    internal NativeValue Add(in Arg arg)
    {
        var value = new NativeValue { Tag = arg.Tag, Int = arg.Bits };
        switch (arg.Tag)
        {
            case ValueTag.Tensor:
                value.Pointer = Hold(((Tensor)arg.Object!).Handle);
                break;
            case ValueTag.Generator:
                value.Pointer = Hold(((Generator)arg.Object!).Handle);
                break;
            case ValueTag.TensorList:
                var tensors = (Tensor?[])arg.Object!;
                var handles = (nint*)Reserve(tensors.Length * sizeof(nint));
                for (var k = 0; k < tensors.Length; k++) handles[k] = tensors[k] is { } t ? Hold(t.Handle) : 0;
                (value.Pointer, value.Length) = ((nint)handles, tensors.Length);
                break;
            case ValueTag.IntList:
                Copy<long>((long[])arg.Object!, ref value);
                break;
            case ValueTag.DoubleList:
                Copy<double>((double[])arg.Object!, ref value);
                break;
            case ValueTag.BoolList:
                Copy<bool>((bool[])arg.Object!, ref value);
                break;
            case ValueTag.String:
                var text = (string)arg.Object!;
                var room = Encoding.UTF8.GetMaxByteCount(text.Length);
                var bytes = Reserve(room);
                (value.Pointer, value.Length) = ((nint)bytes, Encoding.UTF8.GetBytes(text, new Span<byte>(bytes, room)));
                break;
        }
        return value;
    }

    internal void Release()
    {
        for (var k = 0; k < _count; k++) _inline[k]!.DangerousRelease();
        if (_more is not null)
            foreach (var handle in _more) handle.DangerousRelease();
        if (_blocks is not null)
            foreach (var block in _blocks) NativeMemory.Free((void*)block);
    }

    // The reference keeps another thread's Dispose, or a finalizer, from freeing what is used during the call.
    private nint Hold(SafeHandle handle)
    {
        var held = false;
        handle.DangerousAddRef(ref held);
        if (_count < Inline.Length) _inline[_count++] = handle;
        else (_more ??= []).Add(handle);
        return handle.DangerousGetHandle();
    }

    private void Copy<T>(ReadOnlySpan<T> values, ref NativeValue value) where T : unmanaged
    {
        var copy = Reserve(values.Length * sizeof(T));
        values.CopyTo(new Span<T>(copy, values.Length));
        (value.Pointer, value.Length) = ((nint)copy, values.Length);
    }

    private byte* Reserve(int bytes)
    {
        var rounded = (bytes + 7) & ~7;
        if (_used + rounded <= ScratchBytes)
        {
            _used += rounded;
            return scratch + _used - rounded;
        }
        var block = (nint)NativeMemory.Alloc((nuint)rounded);
        (_blocks ??= []).Add(block);
        return (byte*)block;
    }

    [InlineArray(Length)]
    private struct Inline
    {
        internal const int Length = 8;
        private SafeHandle? _first;
    }
}
