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
    private readonly bool _enabled;
    private readonly bool _cuda;

    public Autocast(bool enabled, string device = "cpu")
    {
        _enabled = enabled;
        _cuda = device.StartsWith("cuda", StringComparison.Ordinal);
        if (enabled) Door.Check(Door.esp_set_autocast(_cuda ? 1 : 0, 1, (int)DType.BFloat16));
    }

    public void Dispose()
    {
        if (!_enabled) return;
        Door.esp_clear_autocast_cache();
        Door.Check(Door.esp_set_autocast(_cuda ? 1 : 0, 0, (int)DType.BFloat16));
    }
}
