using System.Globalization;
using Espalier.Testing;

namespace Espalier.Torch.Tests;

public class TorchRuntimeTests : TorchTest
{
    [Fact]
    public void The_version_and_the_devices_are_known()
    {
        Version.Parse(TorchRuntime.Version.Split('+', 'a')[0]).Major.ShouldBeGreaterThanOrEqualTo(1);
        TorchRuntime.CudaDevices.ShouldBeGreaterThanOrEqualTo(0);
        TorchRuntime.Synchronize("cpu");
        TorchRuntime.Trim();
    }

    [Fact]
    public void The_same_seed_gives_the_same_values()
    {
        TorchRuntime.Seed(3);
        var first = Tensor.RandN([50]);
        var second = Tensor.RandN([50]);
        TorchRuntime.Seed(3);
        Tensor.RandN([50]).BitEquals(first).ShouldBeTrue();
        second.BitEquals(first).ShouldBeFalse();
    }

    [SkippableFact]
    public void A_seed_gives_PyTorchs_own_values()
    {
        var expected = PythonOracle.Run("""
            import torch
            torch.manual_seed(1234)
            for t in (torch.randn(20), torch.rand(5), torch.empty(5).uniform_(-2, 3), torch.randn(3)):
                print(' '.join(repr(v) for v in t.double().tolist()))
            """, ["torch"]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        TorchRuntime.Seed(1234);
        var uniform = Tensor.Zeros([5]);
        var values = Tensor.RandN([20]).ToArray<double>().Concat(Tensor.Rand([5]).ToArray<double>()).ToList();
        uniform.UniformInPlace(-2, 3);
        values.AddRange(uniform.ToArray<double>());
        values.AddRange(Tensor.RandN([3]).ToArray<double>());
        values.ShouldBe(expected.Select(v => double.Parse(v, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void A_thread_keeps_the_number_of_threads_it_first_computed_with()
    {
        using var changed = new ManualResetEventSlim();
        using var computed = new ManualResetEventSlim();
        var (early, late) = (0, 0);
        var old = OnThread(() =>
        {
            using var scope = new TensorScope();
            _ = Range(4) * 2;
            computed.Set();
            changed.Wait();
            early = TorchRuntime.Threads;
        });
        computed.Wait();
        TorchRuntime.Threads = 2;
        changed.Set();
        old.Join();
        OnThread(() => late = TorchRuntime.Threads).Join();
        TorchRuntime.Threads.ShouldBe(2);
        TorchRuntime.Threads = 1;
        early.ShouldBe(1);
        late.ShouldBe(2);
    }

    [Fact]
    public void A_number_of_threads_below_one_is_an_error() =>
        Should.Throw<TorchException>(() => TorchRuntime.Threads = 0).Message.ShouldStartWith("threads = 0: ");

    [Fact]
    public void Modes_belong_to_their_thread()
    {
        var recorded = false;
        var type = DType.Bool;
        using (new NoGrad())
        using (new Autocast(true))
        {
            OnThread(() =>
            {
                using var scope = new TensorScope();
                var x = Range(2, 2);
                x.RequiresGrad = true;
                var y = x.MatMul(x);
                (recorded, type) = (y.RequiresGrad, y.DType);
            }).Join();
        }
        recorded.ShouldBeTrue();
        type.ShouldBe(DType.Float32);
    }

    [Fact]
    public void A_forgotten_tensor_is_freed_by_the_finalizer_thread()
    {
        var before = Tensor.LiveCount;
        OnThread(() =>
        {
            for (var k = 0; k < 100; k++) Forget();
        }).Join();
        for (var k = 0; k < 20 && Tensor.LiveCount > before; k++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void An_error_text_belongs_to_its_thread()
    {
        var messages = new string[4];
        var threads = Enumerable.Range(0, 4).Select(n => OnThread(() =>
        {
            using var scope = new TensorScope();
            for (var k = 0; k < 20; k++) messages[n] = Should.Throw<TorchException>(() => Range(n + 1, 2).MatMul(Range(3, 1))).Message;
        })).ToList();
        threads.ForEach(t => t.Join());
        for (var n = 0; n < 4; n++) messages[n].ShouldContain($"({n + 1}x2 and 3x1)");
    }

    // Leaves a small graph behind, so that the finalizer frees values and graph nodes.
    private static void Forget()
    {
        var x = Tensor.Zeros([16]);
        x.RequiresGrad = true;
        _ = (x * x).Sum();
    }

    private static Thread OnThread(Action body)
    {
        var thread = new Thread(() => body());
        thread.Start();
        return thread;
    }
}
