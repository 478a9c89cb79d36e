namespace Espalier.Torch.Tests;

/// <summary>The typed wrappers call the operator they are named after, with the arguments in the right places.</summary>
public class TensorMathTests : TorchTest
{
    [Fact]
    public void Arithmetic()
    {
        var a = Vector(1, 4);
        var b = Vector(2, 2);
        (a + b).ToArray<float>().ShouldBe([3, 6]);
        (a - b).ToArray<float>().ShouldBe([-1, 2]);
        (a * b).ToArray<float>().ShouldBe([2, 8]);
        (a / b).ToArray<float>().ShouldBe([0.5f, 2]);
        (a + 1 - 2).ToArray<float>().ShouldBe([0, 3]);
        (2 * a * 0.5 / 2).ToArray<float>().ShouldBe([0.5f, 2]);
        (-a).ToArray<float>().ShouldBe([-1, -4]);
        a.Pow(2).ToArray<float>().ShouldBe([1, 16]);
        a.Sqrt().Log().Exp().ToArray<float>().ShouldBe([1, 2], 1e-6f);
        a.Reciprocal().ToArray<float>().ShouldBe([1, 0.25f]);
        (-a).Abs().Clamp(2, 3).ToArray<float>().ShouldBe([2, 3]);
        a.Clamp(Vector(2, 0), Vector(3, 3)).ToArray<float>().ShouldBe([2, 3]);
        (1.5 - a).ToArray<float>().ShouldBe([0.5f, -2.5f]);
        a.Sigmoid().ToArray<float>().ShouldBe([0.7310586f, 0.9820138f], 1e-6f);
        a.Tan().ToArray<float>().ShouldBe([1.5574077f, 1.1578213f], 1e-6f);
    }

    [Fact]
    public void Average_pooling_keeps_the_size_and_may_leave_the_padding_out()
    {
        var x = Range(1, 1, 3, 3);
        x.AvgPool2d(3, countPadding: false).ToArray<float>().ShouldBe([2, 2.5f, 3, 3.5f, 4, 4.5f, 5, 5.5f, 6]);
        x.AvgPool2d(3, countPadding: true).ToArray<float>().ShouldBe([8 / 9f, 15 / 9f, 12 / 9f, 21 / 9f, 4, 27 / 9f, 20 / 9f, 33 / 9f, 24 / 9f], 1e-6f);
    }

    [Fact]
    public void A_whole_number_keeps_an_integer_tensor_integral_and_a_division_does_not()
    {
        var x = Tensor.Arange(3);
        (2 * x * 2 + 1 - 1).DType.ShouldBe(DType.Int64);
        (x * 2.0).DType.ShouldBe(DType.Float32);
        (x / 2).ToArray<float>().ShouldBe([0, 0.5f, 1]);
        (Range(50) / 3).ToArray<float>().ShouldBe(Enumerable.Range(0, 50).Select(k => k / 3f)); // rounded once
    }

    [Fact]
    public void Reductions_and_comparisons()
    {
        var x = Range(2, 3);
        x.Sum().Item().ShouldBe(15);
        x.Sum([0]).ToArray<float>().ShouldBe([3, 5, 7]);
        x.Sum([1], keepDim: true).Shape.ShouldBe([2, 1]);
        x.Mean().Item().ShouldBe(2.5);
        x.Mean([1]).ToArray<float>().ShouldBe([1, 4]);
        x.Max().Item().ShouldBe(5);
        x.ArgMax(1).ToArray<long>().ShouldBe([2, 2]);
        Vector(3, 4).Norm().Item().ShouldBe(5);
        Range(2, 2).Norm([0]).ToArray<float>().ShouldBe([2, MathF.Sqrt(10)], 1e-6f);
        x.EqualTo(Tensor.Full([3], 4)).Sum().Item().ShouldBe(1);
        Vector(1, 2).Where(Tensor.From<bool>([true, false]), Vector(8, 9)).ToArray<float>().ShouldBe([1, 9]);
    }

    [Fact]
    public void Rearrangements()
    {
        var x = Range(2, 3);
        x.Permute(1, 0).ToArray<float>().ShouldBe([0, 3, 1, 4, 2, 5]);
        x.Select(1, 2).ToArray<float>().ShouldBe([2, 5]);
        x.Narrow(1, 1, 2).ToArray<float>().ShouldBe([1, 2, 4, 5]);
        x.IndexSelect(1, (ReadOnlySpan<int>)[2, 0]).ToArray<float>().ShouldBe([2, 0, 5, 3]);
        x.IndexAdd(1, Tensor.From<long>([2, 0, 2]), Range(2, 3) * 10).ToArray<float>().ShouldBe([10, 1, 22, 43, 4, 85]); // twice to column 2
        x.ToArray<float>().ShouldBe([0, 1, 2, 3, 4, 5]);
        Vector(1).Expand(2, 3).Shape.ShouldBe([2, 3]);
        x.Unbind(0)[1].ToArray<float>().ShouldBe([3, 4, 5]);
        x.Split([1, 2], 1)[1].Shape.ShouldBe([2, 2]);
        Tensor.Cat([x, x], 1).Shape.ShouldBe([2, 6]);
        Tensor.Stack([x, x]).Shape.ShouldBe([2, 2, 3]);
        x.Roll([1], [1]).ToArray<float>().ShouldBe([2, 0, 1, 5, 3, 4]);
        x.Flip(0).ToArray<float>().ShouldBe([3, 4, 5, 0, 1, 2]);
    }

    [Fact]
    public void Draws_follow_the_probabilities_of_their_row_and_the_seed()
    {
        var probabilities = Tensor.From<float>([0, 0.25f, 0.75f, 1, 0, 0], 2, 3);
        TorchRuntime.Seed(1);
        var drawn = probabilities.Multinomial(4000);
        drawn.DType.ShouldBe(DType.Int64);
        drawn.Shape.ShouldBe([2, 4000]);
        var (first, second) = (drawn.Select(0, 0).ToArray<long>(), drawn.Select(0, 1).ToArray<long>());
        first.ShouldAllBe(k => k == 1 || k == 2);
        (first.Count(k => k == 2) / 4000.0).ShouldBe(0.75, 0.03);
        second.ShouldAllBe(k => k == 0);
        TorchRuntime.Seed(1);
        probabilities.Multinomial(4000).BitEquals(drawn).ShouldBeTrue();
        TorchRuntime.Seed(2);
        probabilities.Multinomial(4000).BitEquals(drawn).ShouldBeFalse();
    }

    [Fact]
    public void In_place_changes_are_seen_through_every_alias()
    {
        var x = Vector(1, 2);
        var alias = x.Alias();
        var clone = x.Clone();
        x.AddInPlace(Vector(1, 1), alpha: 2);
        x.MulInPlace(2);
        alias.ToArray<float>().ShouldBe([6, 8]);
        clone.ToArray<float>().ShouldBe([1, 2]);
        alias.CopyFrom(clone);
        x.ToArray<float>().ShouldBe([1, 2]);
        x.Zero();
        alias.ToArray<float>().ShouldBe([0, 0]);
    }
}
