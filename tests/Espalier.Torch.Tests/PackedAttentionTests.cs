namespace Espalier.Torch.Tests;

/// <summary>Attention as one operator against the plain products in double precision.</summary>
public class PackedAttentionTests : TorchTest
{
    private const string LowerSet = """
        import os, sys, torch
        torch.ops.load_library(sys.argv[1])
        own = torch.ops.espalier
        if not own.runs(6): print('none'); sys.exit()
        torch.manual_seed(0)
        worst = 0.0
        for b, n, h, qk, v in [(2, 197, 3, 64, 64), (1, 5, 1, 3, 7), (2, 33, 2, 16, 48)]:
            x = torch.randn(b, n, h * (2 * qk + v), requires_grad=True)
            own.attention(x, h, qk, v, 0.3).square().sum().backward()
            y = x.detach().double().requires_grad_()
            q, k, u = (p.reshape(b, n, h, -1).transpose(1, 2) for p in y.split([h * qk, h * qk, h * v], -1))
            ((q @ k.transpose(2, 3) * 0.3).softmax(-1) @ u).square().sum().backward()
            worst = max(worst, ((x.grad - y.grad).norm() / y.grad.norm()).item())
            z = torch.randn(b, n, h, requires_grad=True)
            own.gelu(z).square().sum().backward()
            w = z.detach().double().requires_grad_()
            torch.nn.functional.gelu(w).square().sum().backward()
            worst = max(worst, ((z.grad - w.grad).norm() / w.grad.norm()).item())
        print('%d %.9f' % (own.runs(15), worst))
        """;

    /// <summary>Images, tokens, heads, widths of queries and values, factor on the logits.</summary>
    public static TheoryData<long, long, long, long, long, double> Shapes => new()
    {
        { 2, 197, 3, 64, 64, 0.125 },
        { 1, 197, 3, 16, 48, 0.25 },
        { 2, 5, 1, 3, 7, 0.6 }, // an odd width: half a pair is left over
        { 1, 1, 2, 4, 4, 0.5 },
        { 3, 50, 3, 17, 33, 0.24 },
        { 2, 24, 4, 16, 80, -0.25 },
        { 1, 33, 2, 32, 31, 4 }, // sharp: one key takes nearly all
    };

    [SkippableTheory]
    [MemberData(nameof(Shapes))]
    public void Outputs_and_gradients_are_those_of_the_plain_products(long images, long tokens, long heads, long qk, long v, double scale)
    {
        Check(DType.Float32, 1e-5, images, tokens, heads, qk, v, scale);
        Check(DType.Float32, 1e-5, images, tokens, heads, qk, v, scale, threads: 2);
    }

    // Inputs are what bf16 holds; sums are in fp32, so that only what is stored was rounded, to 2⁻⁹ of it at most each time.
    [SkippableTheory]
    [MemberData(nameof(Shapes))]
    public void In_bf16_only_what_is_stored_is_rounded(long images, long tokens, long heads, long qk, long v, double scale) =>
        Check(DType.BFloat16, 6e-3, images, tokens, heads, qk, v, scale);

    [SkippableFact]
    public void The_gradient_is_the_slope_of_what_is_computed()
    {
        Require(DType.Float32);
        using var random = new Generator(5);
        Tensor x = Tensor.RandN([2, 7, 2 * (2 * 5 + 3)], random), weights = Tensor.RandN([2, 7, 6], random), direction = Tensor.RandN(x.Shape, random);
        double Value(double step)
        {
            using var noGrad = new NoGrad();
            return (Own(x + direction * step, 2, 5, 3, 0.4).To(DType.Float64) * weights).Sum().Item();
        }
        x.RequiresGrad = true;
        (Own(x, 2, 5, 3, 0.4) * weights).Sum().Backward();
        var slope = (x.Grad! * direction).Sum().Item();
        const double Step = 1e-2;
        ((Value(Step) - Value(-Step)) / (2 * Step)).ShouldBe(slope, 1e-3 * Math.Max(1, Math.Abs(slope)));
    }

    [SkippableTheory]
    [InlineData(DType.Float32)]
    [InlineData(DType.BFloat16)]
    public void Neither_threads_nor_other_images_nor_a_gradient_change_a_bit(DType precision)
    {
        Require(precision);
        using var random = new Generator(6);
        var x = Tensor.RandN([3, 67, 3 * (2 * 16 + 24)], random).To(precision);
        var (outputs, gradient) = Backward(x);
        foreach (var threads in new[] { 2, 5 })
        {
            TorchRuntime.Threads = threads;
            var (again, other) = Backward(x);
            Distance(again, outputs).ShouldBe(0);
            Distance(other, gradient).ShouldBe(0);
            using var noGrad = new NoGrad();
            Distance(Own(x, 3, 16, 24, 0.25), outputs).ShouldBe(0);
            Distance(Own(x.Narrow(0, 1, 1), 3, 16, 24, 0.25), outputs.Narrow(0, 1, 1)).ShouldBe(0, "one image, its heads in pieces");
        }

        static (Tensor Outputs, Tensor Gradient) Backward(Tensor x)
        {
            x = x.Detach();
            x.RequiresGrad = true;
            var outputs = Own(x, 3, 16, 24, 0.25);
            (outputs * outputs).Sum().Backward();
            return (outputs.Detach(), x.Grad!);
        }
    }

    [SkippableFact]
    public void An_input_with_gaps_is_taken_as_any_other()
    {
        Require(DType.Float32);
        using var random = new Generator(7);
        var wide = Tensor.RandN([2, 9, 40], random);
        wide.RequiresGrad = true;
        var whole = Own(wide.Narrow(2, 4, 24), 2, 4, 4, 0.5);
        Distance(whole, Own(wide.Narrow(2, 4, 24).Reshape(-1).Reshape(2, 9, 24), 2, 4, 4, 0.5)).ShouldBe(0);
        whole.Sum().Backward();
        wide.Grad!.Narrow(2, 0, 4).Abs().Max().Item().ShouldBe(0);
        wide.Grad!.Narrow(2, 20, 8).Abs().Max().Item().ShouldBeGreaterThan(0);
    }

    [SkippableFact]
    public void Under_autocast_the_precision_is_that_of_the_linear_layer()
    {
        Require(DType.BFloat16);
        Tensor x = Tensor.RandN([1, 6, 8]), weight = Tensor.RandN([24, 8]);
        weight.RequiresGrad = true;
        using (new Autocast(true))
        {
            var outputs = Own(x.Linear(weight), 2, 4, 4, 0.5);
            outputs.DType.ShouldBe(DType.BFloat16);
            Own(Tensor.RandN([1, 6, 24]), 2, 4, 4, 0.5).DType.ShouldBe(DType.Float32);
            outputs.Sum().Backward();
        }
        weight.Grad!.DType.ShouldBe(DType.Float32);
        weight.Grad!.Abs().Max().Item().ShouldBeGreaterThan(0);
    }

    [SkippableFact]
    public void What_is_not_a_number_stays_so_and_in_its_image()
    {
        Require(DType.Float32);
        var x = Tensor.RandN([2, 20, 24]);
        var poisoned = Tensor.Cat([Tensor.Full([1, 20, 24], double.NaN), x.Narrow(0, 1, 1)], 0);
        var outputs = Own(poisoned, 2, 4, 4, 0.5);
        double.IsNaN(outputs.Narrow(0, 0, 1).Sum().Item()).ShouldBeTrue();
        double.IsFinite(outputs.Narrow(0, 1, 1).Sum().Item()).ShouldBeTrue();
    }

    [SkippableFact]
    public void Logits_far_below_zero_or_far_apart_are_no_trouble()
    {
        Require(DType.Float32);
        var x = Tensor.Cat([Tensor.Full([1, 21, 4], 30), Tensor.Full([1, 21, 4], -30), Range(1, 21, 4)], 2);
        Distance(Own(x, 1, 4, 4, 1), x.Narrow(2, 8, 4).Mean([1], keepDim: true).Expand(1, 21, 4)).ShouldBeLessThan(1e-4);
    }

    [Fact]
    public void Other_precisions_have_no_kernel()
    {
        Functional.PackedAttention(Tensor.Zeros([1, 2, 12]).To(DType.Float64), 1, 4, 4, 0.5).ShouldBeNull();
        Functional.PackedAttention(Tensor.Zeros([1, 2, 12]).To(DType.Float16), 1, 4, 4, 0.5).ShouldBeNull();
    }

    [SkippableFact]
    public void Widths_that_do_not_fit_are_refused()
    {
        Require(DType.Float32);
        foreach (var (heads, qk, v) in new (long, long, long)[] { (1, 4, 5), (0, 4, 4), (1, -1, 14), (5, 4, 4) })
            Should.Throw<TorchException>(() => Own(Tensor.Zeros([1, 2, 12]), heads, qk, v, 0.5)).Message.ShouldContain("is not");
        Should.Throw<TorchException>(() => Own(Tensor.Zeros([2, 12]), 1, 4, 4, 0.5)).Message.ShouldContain("is not");
        Own(Tensor.Zeros([0, 2, 12]), 1, 4, 4, 0.5).Shape.ShouldBe([0, 2, 4]);
    }

    // The instruction set is chosen once in a process, so the lower ones are seen from another.
    [SkippableTheory]
    [InlineData("avx2")]
    [InlineData("default")]
    public void Processors_with_less_compute_the_same_or_leave_it_to_libtorch(string set)
    {
        Require(DType.Float32);
        var script = $"import os\nos.environ['ATEN_CPU_CAPABILITY'] = '{set}'\n{LowerSet}";
        var printed = PythonOracle.Run(script, ["torch"], Path.Combine(SharedData.Root, "artifacts", "native", "libespalier_torch.so")).Trim();
        if (set == "default")
        {
            printed.ShouldBe("none");
            return;
        }
        printed.ShouldStartWith("0 ", customMessage: "no bf16");
        double.Parse(printed[2..], System.Globalization.CultureInfo.InvariantCulture).ShouldBeLessThan(1e-5);
    }

    private static void Require(DType precision) => Skip.If(
        Functional.PackedAttention(Tensor.Zeros([1, 1, 3]).To(precision), 1, 1, 1, 1) is null, $"this processor has no kernel in {precision}");

    private static Tensor Own(Tensor qkv, long heads, long qk, long v, double scale) => Functional.PackedAttention(qkv, heads, qk, v, scale)!;

    private static void Check(DType precision, double tolerance, long images, long tokens, long heads, long qk, long v, double scale, int threads = 1)
    {
        Require(precision);
        TorchRuntime.Threads = threads;
        using var random = new Generator(4);
        var x = Tensor.RandN([images, tokens, heads * (2 * qk + v)], random).To(precision);
        var weights = Tensor.RandN([images, tokens, heads * v], random).To(precision);
        var exact = x.To(DType.Float64);
        x.RequiresGrad = exact.RequiresGrad = true;
        var (own, plain) = (Own(x, heads, qk, v, scale), Plain(exact, heads, qk, v, scale));
        own.DType.ShouldBe(precision);
        (own * weights).Sum().Backward();
        (plain * weights.To(DType.Float64)).Sum().Backward();
        Error(own, plain).ShouldBeLessThan(tolerance, "outputs");
        Error(x.Grad!, exact.Grad!).ShouldBeLessThan(tolerance, "gradients");
    }

    // Of the whole, as a share of its norm; a gradient that is zero but for rounding counts by its own size.
    private static double Error(Tensor a, Tensor exact)
    {
        var difference = a.Detach().To(DType.Float64) - exact.Detach();
        return Math.Sqrt((difference * difference).Sum().Item() / Math.Max(1, (exact.Detach() * exact.Detach()).Sum().Item()));
    }

    private static Tensor Plain(Tensor qkv, long heads, long qk, long v, double scale)
    {
        var (b, n) = (qkv.Size(0), qkv.Size(1));
        var parts = qkv.Split([heads * qk, heads * qk, heads * v], -1);
        var (q, k) = (parts[0].Reshape(b, n, heads, qk).Transpose(1, 2), parts[1].Reshape(b, n, heads, qk).Permute(0, 2, 3, 1));
        return (q.MatMul(k) * scale).Softmax(-1).MatMul(parts[2].Reshape(b, n, heads, v).Transpose(1, 2)).Transpose(1, 2).Reshape(b, n, heads * v);
    }
}
