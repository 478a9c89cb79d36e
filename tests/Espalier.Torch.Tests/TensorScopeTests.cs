namespace Espalier.Torch.Tests;

public class TensorScopeTests : TorchTest
{
    [Fact]
    public void A_scope_frees_what_was_made_in_it_and_only_that()
    {
        var outer = Range(2);
        var before = Tensor.LiveCount;
        Tensor inner;
        using (new TensorScope())
        {
            inner = outer + outer;
            _ = inner * inner;
        }
        Tensor.LiveCount.ShouldBe(before);
        Should.Throw<ObjectDisposedException>(() => inner.Shape);
        outer.Sum().Item().ShouldBe(1);
    }

    [Fact]
    public void Keep_moves_a_tensor_one_scope_out()
    {
        Tensor kept;
        using (var middle = new TensorScope())
        {
            using (var inner = new TensorScope()) kept = inner.Keep(Range(2));
            kept.Sum().Item().ShouldBe(1);
            middle.Keep(kept).ShouldBeSameAs(kept);
        }
        kept.Sum().Item().ShouldBe(1); // this test's own scope has it now
    }

    [Fact]
    public void Keep_leaves_a_tensor_of_another_scope_where_it_is()
    {
        var outer = Range(2);
        using (var scope = new TensorScope()) scope.Keep(outer);
        outer.Sum().Item().ShouldBe(1);
    }

    [Fact]
    public void A_released_tensor_outlives_every_scope()
    {
        Tensor released;
        using (new TensorScope()) released = TensorScope.Release(Range(2));
        released.Sum().Item().ShouldBe(1);
        released.Dispose();
    }

    [Fact]
    public void Disposing_twice_or_early_is_harmless()
    {
        var scope = new TensorScope();
        var x = Range(2);
        x.Dispose();
        x.Dispose();
        scope.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void A_scope_disposed_out_of_order_is_refused_and_stays_usable()
    {
        var outer = new TensorScope();
        var inner = new TensorScope();
        Should.Throw<InvalidOperationException>(outer.Dispose);
        inner.Dispose();
        outer.Dispose();
    }

    [Fact]
    public void Scopes_belong_to_their_thread()
    {
        TensorScope? seen = TensorScope.Current;
        var thread = new Thread(() => seen = TensorScope.Current);
        thread.Start();
        thread.Join();
        seen.ShouldBeNull();
        TensorScope.Current.ShouldNotBeNull();
    }

    [Fact]
    public void An_exception_in_a_scope_frees_its_tensors()
    {
        var before = Tensor.LiveCount;
        Should.Throw<TorchException>(() =>
        {
            using var scope = new TensorScope();
            Range(2, 3).MatMul(Range(2, 3));
        });
        Tensor.LiveCount.ShouldBe(before);
    }
}
