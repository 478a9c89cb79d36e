using Espalier.Torch;

namespace Espalier.Tests;

/// <summary>The random numbers that a program which uses the library draws itself, from libtorch's process-wide generator.</summary>
internal static class ProgramsNumbers
{
    /// <summary>Seeds the generator as a program may, and tells what it will give next.</summary>
    public static float[] Expected()
    {
        TorchRuntime.Seed(77);
        var next = Next();
        TorchRuntime.Seed(77);
        return next;
    }

    /// <summary>The next ones.</summary>
    public static float[] Next()
    {
        using var scope = new TensorScope();
        return Tensor.RandN([9]).ToArray<float>();
    }
}
