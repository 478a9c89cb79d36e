using System.Runtime.CompilerServices;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Espalier.Torch.Tests;

/// <summary>Gives each test a scope of its own, and fails any test that leaves a tensor behind.</summary>
public abstract class TorchTest : IDisposable
{
    private readonly long _before = Tensor.LiveCount;
    private readonly TensorScope _scope = new();

    // Before any test thread computes: libtorch remembers the number per thread from then on.
    [ModuleInitializer]
    internal static void UseOneThread() => TorchRuntime.Threads = 1;

    public void Dispose()
    {
        _scope.Dispose();
        Tensor.LiveCount.ShouldBe(_before, "the test left tensors alive");
        GC.SuppressFinalize(this);
    }

    protected static Tensor Vector(params float[] values) => Tensor.From(values);

    /// <summary>0, 1, 2, … in the given shape, fp32.</summary>
    protected static Tensor Range(params long[] shape)
    {
        var count = shape.Aggregate(1L, (a, b) => a * b);
        return Tensor.Arange(count).To(DType.Float32).Reshape(shape);
    }
}
