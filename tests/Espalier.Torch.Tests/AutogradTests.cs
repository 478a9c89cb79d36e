namespace Espalier.Torch.Tests;

/// <summary>Gradients against central differences of the same function, in float64.</summary>
public class AutogradTests : TorchTest
{
    private static Tensor Values(params long[] shape) => Tensor.RandN(shape).To(DType.Float64);

    public AutogradTests() => TorchRuntime.Seed(5);

    [Fact]
    public void A_transformer_like_chain_has_the_right_gradients()
    {
        var x = Values(3, 4);
        var labels = Tensor.From<long>([0, 2, 1]);
        Compare(p =>
            {
                var h = x.LayerNorm(p[0], p[1], 1e-6).Linear(p[2], p[3]).Gelu();
                var attention = h.MatMul(h.Transpose(0, 1)).Softmax(-1);
                return Functional.CrossEntropy(attention.MatMul(h).Linear(p[4]), labels, labelSmoothing: 0.1);
            },
            Values(4), Values(4), Values(5, 4), Values(5), Values(3, 5));
    }

    [Fact]
    public void Mean_squared_error_and_norms_have_the_right_gradients()
    {
        var target = Values(3, 4);
        Compare(p => Functional.MseLoss(p[0] * p[1].Exp(), target) + p[0].Norm() + (p[0].Abs() + 1).Log().Mean(), Values(3, 4), Values(4));
    }

    [Fact]
    public void Convolution_has_the_right_gradients()
    {
        var image = Values(1, 2, 5, 5);
        Compare(p => image.Conv2d(p[0], p[1], stride: 2, padding: 1).Pow(2).Sum(), Values(3, 2, 3, 3), Values(3));
    }

    [Fact]
    public void Kl_per_sample_is_zero_for_equal_logits_and_its_gradient_is_the_difference_of_the_softmaxes()
    {
        var teacher = Tensor.RandN([3, 5]);
        var student = Tensor.RandN([3, 5]);
        student.RequiresGrad = true;
        var kl = Functional.KlPerSample(teacher, student);
        kl.Shape.ShouldBe([3]);
        kl.ToArray<float>().ShouldAllBe(v => v > 0);
        kl.Sum().Backward();
        var expected = student.Detach().Softmax(-1) - teacher.Softmax(-1);
        student.Grad!.ToArray<float>().ShouldBe(expected.ToArray<float>(), 1e-6f);
        Functional.KlPerSample(teacher, teacher).ToArray<float>().ShouldAllBe(v => v == 0);
    }

    [Fact]
    public void Kl_of_answers_that_hardly_differ_is_not_rounded_below_zero()
    {
        var teacher = Tensor.RandN([2000, 10]);
        Functional.KlPerSample(teacher, teacher + Tensor.RandN([2000, 10]) * 1e-5).ToArray<float>().ShouldAllBe(v => v >= 0);
        Functional.KlPerSample(teacher, teacher * double.NaN).ToArray<float>().ShouldAllBe(v => float.IsNaN(v));
    }

    [Fact]
    public void Cross_entropy_accepts_probabilities()
    {
        var logits = Values(2, 3);
        var hard = Functional.CrossEntropy(logits, Tensor.From<long>([2, 0])).Item();
        var soft = Functional.CrossEntropy(logits, Tensor.From<double>([0, 0, 1, 1, 0, 0], 2, 3)).Item();
        soft.ShouldBe(hard, 1e-12);
    }

    [Fact]
    public void An_input_the_loss_does_not_depend_on_has_no_gradient()
    {
        var (a, b) = (Vector(2), Vector(3));
        a.RequiresGrad = b.RequiresGrad = true;
        var gradients = Autograd.Gradients((a * a).Sum(), [a, b]);
        gradients[0]!.Item().ShouldBe(4);
        gradients[1].ShouldBeNull();
        a.Grad.ShouldBeNull();
    }

    [Fact]
    public void Backward_adds_to_the_gradients_and_needs_a_retained_graph_to_run_twice()
    {
        var a = Vector(2);
        a.RequiresGrad = true;
        var loss = (a * a).Sum();
        loss.Backward(retainGraph: true);
        loss.Backward();
        a.Grad!.Item().ShouldBe(8);
        Should.Throw<TorchException>(() => loss.Backward()).Message.ShouldStartWith("backward of Float32[]: ");
        a.Grad = null;
        a.Grad.ShouldBeNull();
    }

    [Fact]
    public void Nothing_is_recorded_without_grad_mode_and_it_comes_back()
    {
        var a = Vector(2);
        a.RequiresGrad = true;
        using (new NoGrad())
        {
            using (new NoGrad()) (a * a).RequiresGrad.ShouldBeFalse();
            (a * a).RequiresGrad.ShouldBeFalse();
        }
        (a * a).RequiresGrad.ShouldBeTrue();
        (a * a).Detach().RequiresGrad.ShouldBeFalse();
        Should.Throw<TorchException>(() => (a * a).Detach().Sum().Backward());
    }

    private static void Compare(Func<Tensor[], Tensor> loss, params Tensor[] parameters)
    {
        foreach (var p in parameters) p.RequiresGrad = true;
        var gradients = Autograd.Gradients(loss(parameters), parameters);
        using var noGrad = new NoGrad();
        for (var k = 0; k < parameters.Length; k++)
        {
            var exact = gradients[k]!.ToArray<double>();
            for (var i = 0; i < exact.Length; i++)
            {
                const double Step = 1e-5;
                var slope = (Shifted(Step) - Shifted(-Step)) / (2 * Step);
                exact[i].ShouldBe(slope, 1e-7 * Math.Max(1, Math.Abs(slope)), $"parameter {k}, element {i}");

                double Shifted(double by)
                {
                    using var scope = new TensorScope();
                    parameters[k].Span<double>()[i] += by;
                    var value = loss(parameters).Item();
                    parameters[k].Span<double>()[i] -= by;
                    return value;
                }
            }
        }
    }
}
