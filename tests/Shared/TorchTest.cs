using Espalier.Torch;

namespace Espalier.Testing;

/// <summary>Tests that compute run one after another: they count live tensors and seed one generator.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class TorchCollection
{
    public const string Name = "torch";
}

/// <summary>Gives each test a scope of its own and one thread, and fails any test that leaves a tensor behind.</summary>
[Collection(TorchCollection.Name)]
public abstract class TorchTest : IDisposable
{
    private readonly long _before;
    private readonly TensorScope _scope;

    protected TorchTest()
    {
        TorchRuntime.Threads = 1;
        _before = Tensor.LiveCount;
        _scope = new TensorScope();
    }

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

    /// <summary>Largest difference between two tensors of one shape.</summary>
    protected static double Distance(Tensor a, Tensor b)
    {
        a.Shape.ShouldBe(b.Shape);
        return (a - b).Abs().Max().Item();
    }
}
