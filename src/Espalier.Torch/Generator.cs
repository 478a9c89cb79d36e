using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>
/// A stream of random numbers of its owner's own, PyTorch's <c>torch.Generator</c>: what is drawn from it leaves the process-wide generator, which
/// belongs to the program, as it is. The numbers are those that the process-wide one gives after <see cref="TorchRuntime.Seed"/> with the same seed.
/// </summary>
public sealed class Generator : IDisposable
{
    /// <param name="seed">Same seed, same numbers on the same kind of device.</param>
    /// <param name="device">Where what is drawn will be; an operator takes a generator of its own device alone.</param>
    /// <exception cref="TorchException">There is no such device.</exception>
    public Generator(ulong seed, string device = "cpu")
    {
        Door.Check(Door.esp_generator_new(seed, device, out var generator), $"a generator for {device}");
        (Handle, Device) = (new GeneratorHandle(generator), device);
    }

    /// <summary>Where it draws.</summary>
    public string Device { get; }

    internal GeneratorHandle Handle { get; }

    public void Dispose() => Handle.Dispose();
}
