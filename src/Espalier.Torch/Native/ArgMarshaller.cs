using System.Runtime.InteropServices;
using System.Text;

namespace Espalier.Torch.Native;

/// <summary>Turns arguments into native values for one call, and holds what they point to until the call is over.</summary>
internal unsafe ref struct ArgMarshaller(int capacity)
{
    private readonly List<TensorHandle>? _handles = capacity > 0 ? [] : null;
    private List<GCHandle>? _pins = null;

    internal NativeValue Add(in Arg arg)
    {
        var value = new NativeValue { Tag = arg.Tag, Int = arg.Bits };
        switch (arg.Object)
        {
            case null:
                break;
            case Tensor tensor:
                value.Pointer = Hold(tensor);
                break;
            case Tensor?[] tensors:
                var handles = new nint[tensors.Length];
                for (var k = 0; k < handles.Length; k++) handles[k] = tensors[k] is { } t ? Hold(t) : 0;
                value.Pointer = Pin(handles);
                value.Length = handles.Length;
                break;
            case string text:
                var bytes = Encoding.UTF8.GetBytes(text);
                value.Pointer = Pin(bytes);
                value.Length = bytes.Length;
                break;
            case Array array: // long[], double[], bool[]: blittable, read in place
                value.Pointer = Pin(array);
                value.Length = array.Length;
                break;
        }
        return value;
    }

    internal readonly void Release()
    {
        if (_handles is not null)
            foreach (var handle in _handles) handle.DangerousRelease();
        if (_pins is not null)
            foreach (var pin in _pins) pin.Free();
    }

    private readonly nint Hold(Tensor tensor)
    {
        var handle = tensor.Handle;
        var held = false;
        handle.DangerousAddRef(ref held);
        _handles!.Add(handle);
        return handle.DangerousGetHandle();
    }

    private nint Pin(object array)
    {
        var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        (_pins ??= []).Add(pin);
        return pin.AddrOfPinnedObject();
    }
}
