using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>
/// Owns one reference to a libtorch tensor. Its finalizer is only the safety net: scopes and Dispose free in time.
/// </summary>
internal sealed class TensorHandle : SafeHandle
{
    internal TensorHandle(nint tensor) : base(0, ownsHandle: true) => SetHandle(tensor);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Door.esp_tensor_free(handle);
        return true;
    }
}
