using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class GramSumsTests : TorchTest
{
    private const double Tolerance = 1e-3; // of sums near 100 taken in fp32

    [Fact]
    public void Sums_are_weighted_moments_with_a_constant_appended()
    {
        using var problem = new LinearProblem(1);
        var (gram, cross) = (LinearProblem.ToRows(problem.Sums.Gram()), LinearProblem.ToRows(problem.Sums.Cross()));
        for (var i = 0; i <= problem.InputCount; i++)
        {
            for (var j = 0; j <= problem.InputCount; j++)
                gram[i][j].ShouldBe(Sum(row => Input(row, i) * Input(row, j)), Tolerance);
            for (var o = 0; o < problem.Outputs; o++)
                cross[o][i].ShouldBe(Sum(row => problem.Y[row][o] * Input(row, i)), Tolerance);
        }

        double Input(int row, int j) => j == problem.InputCount ? 1 : problem.X[row][j];

        double Sum(Func<int, double> term) => Enumerable.Range(0, problem.X.Count).Sum(row => problem.WeightOf(row) * term(row));
    }

    /// <summary>An early map of a convolutional network has hundreds of thousands of places.</summary>
    [Fact]
    public void Sums_over_very_many_rows_are_those_of_float64()
    {
        const int rows = 300_000, inputs = 64, outputs = 3;
        TorchRuntime.Seed(1);
        var (x, y) = (Tensor.Zeros([1, rows, inputs]), Tensor.Zeros([1, rows, outputs]));
        foreach (var tensor in new[] { x, y }) tensor.UniformInPlace(0.5, 1);
        using var sums = new GramSums(inputs, outputs, folds: 1, "cpu");
        sums.Add(x, y, Tensor.Ones([rows]), fold: 0);
        var (exact, answers) = (x.Reshape(rows, inputs).To(DType.Float64), y.Reshape(rows, outputs).To(DType.Float64));
        // All near rows/2; fp32 alone is off by more than 1e-6 of it.
        Distance(sums.Gram().Narrow(0, 0, inputs).Narrow(1, 0, inputs), exact.Transpose(0, 1).MatMul(exact)).ShouldBeLessThan(3e-7 * rows);
        Distance(sums.Cross().Narrow(1, 0, inputs), answers.Transpose(0, 1).MatMul(exact)).ShouldBeLessThan(3e-7 * rows);
    }

    [Fact]
    public void What_comes_in_float64_is_summed_in_float64()
    {
        using var sums = new GramSums(1, 1, folds: 1, "cpu");
        double[] values = [1, 1 + 1e-4, 1 - 1e-4];
        sums.Add(Tensor.From(values).Reshape(1, 3, 1), Tensor.From(values).Reshape(1, 3, 1), Tensor.Ones([3]), fold: 0);
        sums.Gram().Select(0, 0).Select(0, 0).Item().ShouldBe(3 + 2e-8, 1e-12);
        sums.Error(Tensor.From<double>([0, 1]).Reshape(1, 2)).ShouldBe(2e-8, 1e-12);
        sums.Cross().Select(0, 0).Select(0, 1).Item().ShouldBe(3, 1e-12);
    }

    [Fact]
    public void Folds_add_up_and_leave_out_what_they_hold()
    {
        using var problem = new LinearProblem(2);
        var sums = problem.Sums;
        foreach (var moment in (Func<int?, int?, Tensor>[])[sums.Gram, sums.Cross])
        {
            var whole = moment(null, null);
            var added = Tensor.ZerosLike(whole);
            for (var fold = 0; fold < sums.Folds; fold++)
            {
                added.AddInPlace(moment(null, fold));
                Distance(moment(fold, null) + moment(null, fold), whole).ShouldBeLessThan(1e-10);
                moment(null, fold).Abs().Max().Item().ShouldBeGreaterThan(1, "every fold holds images");
            }
            Distance(added, whole).ShouldBeLessThan(1e-10);
        }
        var map = problem.PriorTensor;
        Enumerable.Range(0, sums.Folds).Sum(fold => sums.Error(map, fold)).ShouldBe(sums.Error(map), 1e-6);
    }

    [Fact]
    public void The_error_is_the_weighted_squared_distance_to_the_targets_also_of_one_fold()
    {
        using var problem = new LinearProblem(3);
        problem.Sums.Error(problem.PriorTensor).ShouldBe(problem.Error(problem.Prior), 1e-5 * problem.Error(problem.Prior));
        // 20 images in 4 folds, of 5 positions each.
        for (var fold = 0; fold < 4; fold++)
            problem.Sums.Error(problem.PriorTensor, fold).ShouldBe(problem.Error(problem.Prior, row => row / 25 == fold), 1e-3);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(20)]
    public void Batches_of_any_size_give_the_same_sums(int size)
    {
        using var problem = new LinearProblem(4);
        using var batched = new GramSums(problem.InputCount, problem.Outputs, folds: 2, "cpu");
        for (var first = 0; first < problem.Images; first += size)
            problem.Add(batched, first, Math.Min(size, problem.Images - first), fold: first % 2);
        Distance(batched.Gram(), problem.Sums.Gram()).ShouldBeLessThan(Tolerance);
        Distance(batched.Cross(), problem.Sums.Cross()).ShouldBeLessThan(Tolerance);
        batched.Error(problem.PriorTensor).ShouldBe(problem.Sums.Error(problem.PriorTensor), Tolerance);
    }

    [Fact]
    public void A_change_of_basis_afterwards_is_one_before()
    {
        using var problem = new LinearProblem(5);
        var random = problem.Random;
        var basis = Tensor.From<double>([.. Enumerable.Range(0, 49).Select(_ => random.NextGaussian())], 7, 7);
        using var before = new GramSums(problem.InputCount, problem.Outputs, folds: 2, "cpu");
        problem.Add(before, 0, problem.Images, fold: 0, x => x.MatMul(basis.Transpose(0, 1)));
        using var after = problem.Sums.Rotated(basis);
        Distance(after.Gram(), before.Gram()).ShouldBeLessThan(10 * Tolerance);
        Distance(after.Cross(), before.Cross()).ShouldBeLessThan(10 * Tolerance);
        // A map of the new inputs that first turns them back is the map of the old ones.
        var back = Tensor.Eye(8, DType.Float64);
        back.Narrow(0, 0, 7).Narrow(1, 0, 7).CopyFrom(basis.Inverse());
        var error = problem.Sums.Error(problem.PriorTensor);
        after.Error(problem.PriorTensor.MatMul(back)).ShouldBe(error, 1e-6 * error);
        problem.Sums.Error(problem.PriorTensor, only: 1).ShouldBe(after.Error(problem.PriorTensor.MatMul(back), only: 1), 1e-6 * error);
    }

    [Fact]
    public void One_fold_is_too_few_to_leave_one_out()
    {
        using var sums = new GramSums(3, 2, folds: 1, "cpu");
        Should.Throw<ArgumentOutOfRangeException>(() => Ridge.ChooseStrength(sums, Tensor.Zeros([2, 4], DType.Float64), [0, 1, 2]));
        Should.Throw<ArgumentOutOfRangeException>(() => new GramSums(3, 2, folds: 0, "cpu"));
    }
}
