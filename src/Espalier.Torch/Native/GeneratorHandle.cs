using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>Owns a generator of libtorch.</summary>
internal sealed class GeneratorHandle : SafeHandle
{
    internal GeneratorHandle(nint generator) : base(0, ownsHandle: true) => SetHandle(generator);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Door.esp_generator_free(handle);
        return true;
    }
}
