using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>Switches gradient recording off on this thread until disposed. Never await inside.</summary>
public readonly ref struct NoGrad : IDisposable
{
    private readonly bool _before;

    public NoGrad()
    {
        // Casts cached without gradients would silently cut weights off the next recorded forward, so the cache goes too.
        _before = Door.esp_set_grad_mode(0) != 0;
        Door.esp_clear_autocast_cache();
    }

    public void Dispose()
    {
        Door.esp_set_grad_mode(_before ? 1 : 0);
        Door.esp_clear_autocast_cache();
    }
}

/// <summary>
/// Runs matrix products in bf16 on this thread until disposed, when <c>enabled</c>; master weights stay fp32. Leave the block
/// before backward. The cache of cast weights is emptied at the end: a later optimizer step would leave it stale.
/// </summary>
public readonly ref struct Autocast : IDisposable
{
    private readonly int _before;
    private readonly int _cuda;

    /// <param name="enabled">False switches autocast off inside an enabled block.</param>
    /// <param name="device">Kind of device whose operators are meant, <c>cpu</c> or <c>cuda</c>; an index is ignored.</param>
    public Autocast(bool enabled, string device = "cpu")
    {
        _cuda = device.StartsWith("cuda", StringComparison.Ordinal) ? 1 : 0;
        Door.Check(Door.esp_set_autocast(_cuda, enabled ? 1 : 0, (int)DType.BFloat16, out _before));
    }

    public void Dispose()
    {
        Door.esp_clear_autocast_cache();
        Door.Check(Door.esp_set_autocast(_cuda, _before, (int)DType.BFloat16, out _));
    }
}
