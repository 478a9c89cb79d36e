using Espalier.MetricSets;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Tests.MetricSets;

public class RecoverabilityTests : TorchTest
{
    [Theory]
    [InlineData(MetricKind.Kl, false)]
    [InlineData(MetricKind.Mse, false)]
    [InlineData(MetricKind.Kl, true)]
    public void The_teacher_itself_scores_zero(MetricKind kind, bool bf16)
    {
        using var teacher = TestNets.Tiny(1);
        using var metric = new Recoverability(teacher, TestNets.Pixels(teacher.Architecture, 50, 1), kind, bf16);
        metric.Score(teacher).ShouldBe(0);
        using var copy = teacher.Clone();
        metric.Score(copy).ShouldBe(0);
    }

    // 50 images are a batch of 32 and one of 18.
    [Theory]
    [InlineData(3)]
    [InlineData(32)]
    [InlineData(50)]
    public void The_score_is_the_mean_divergence_of_the_images_whatever_the_batches(int images)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(2);
        var pixels = TestNets.Pixels(teacher.Architecture, images, 1);
        using var metric = new Recoverability(teacher, pixels, MetricKind.Kl);
        var expected = 0.0;
        for (var i = 0; i < images; i++)
        {
            using var scope = new TensorScope();
            var (p, q) = (Softmax(teacher.Answer(pixels.Narrow(0, i, 1))), Softmax(student.Answer(pixels.Narrow(0, i, 1))));
            expected += p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum() / images;
        }
        metric.Score(student).ShouldBe(expected, 1e-4 * expected);
    }

    [Fact]
    public void Features_can_be_compared_instead()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(2);
        using var noGrad = new NoGrad();
        var pixels = TestNets.Pixels(teacher.Architecture, 40, 1);
        using var metric = new Recoverability(teacher, pixels, MetricKind.Mse);
        var (a, b) = (teacher.Features(pixels).ToArray<double>(), student.Features(pixels).ToArray<double>());
        var expected = a.Zip(b, (x, y) => (x - y) * (x - y)).Average();
        metric.Score(student).ShouldBe(expected, 1e-4 * expected);
    }

    [Fact]
    public void A_divergence_is_never_negative()
    {
        using var teacher = TestNets.Tiny(1);
        using var metric = new Recoverability(teacher, TestNets.Pixels(teacher.Architecture, 5, 1), MetricKind.Kl);
        for (var seed = 2UL; seed < 12; seed++)
        {
            using var student = TestNets.Tiny(seed);
            metric.Score(student).ShouldBeGreaterThan(0.01);
        }
    }

    [Fact]
    public void A_constant_on_all_logits_of_the_student_changes_nothing()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(2);
        using var metric = new Recoverability(teacher, TestNets.Pixels(teacher.Architecture, 40, 1), MetricKind.Kl);
        var score = metric.Score(student);
        student.Weights["head.bias"].AddInPlace(Tensor.Full([10], 3));
        metric.Score(student).ShouldBe(score, 1e-4 * score);
    }

    [Fact]
    public void Images_are_copied_and_freed_with_the_metric()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(2);
        var pixels = TestNets.Pixels(teacher.Architecture, 4, 1);
        var before = Tensor.LiveCount;
        using (var metric = new Recoverability(teacher, pixels, MetricKind.Kl))
        {
            var score = metric.Score(student);
            pixels.Zero();
            metric.Score(student).ShouldBe(score);
        }
        Tensor.LiveCount.ShouldBe(before);
    }

    private static double[] Softmax(Tensor logits)
    {
        var values = logits.ToArray<double>();
        var sum = values.Sum(Math.Exp);
        return Array.ConvertAll(values, v => Math.Exp(v) / sum);
    }
}
