namespace Espalier.Torch.Tests;

/// <summary>Linear algebra by what defines it, in both element types.</summary>
public class TensorLinalgTests : TorchTest
{
    public static TheoryData<DType, double> Types => new() { { DType.Float32, 1e-4 }, { DType.Float64, 1e-12 } };

    [Theory]
    [MemberData(nameof(Types))]
    public void A_matrix_times_its_inverse_is_the_identity(DType type, double tolerance)
    {
        var matrix = WellConditioned(6, type);
        var inverse = matrix.Inverse();
        inverse.DType.ShouldBe(type);
        Distance(matrix.MatMul(inverse), Tensor.Eye(6, type)).ShouldBeLessThan(tolerance);
        Distance(inverse.MatMul(matrix), Tensor.Eye(6, type)).ShouldBeLessThan(tolerance);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_solution_fulfils_every_equation_of_each_right_side(DType type, double tolerance)
    {
        var (matrix, right) = (WellConditioned(6, type), Normal(6, 3, type));
        var solution = matrix.Solve(right);
        solution.Shape.ShouldBe([6, 3]);
        Distance(matrix.MatMul(solution), right).ShouldBeLessThan(tolerance);
        var two = Tensor.From<double>([0, 2, 1, 0], 2, 2).To(type).Solve(Tensor.From<double>([4, 3], 2, 1).To(type));
        two.ToArray<double>().ShouldBe([3, 2]); // not the transpose's, [2, 3]·½
    }

    [Fact]
    public void A_singular_matrix_has_neither_inverse_nor_solution()
    {
        var singular = Tensor.From<double>([1, 2, 2, 4], 2, 2);
        Should.Throw<TorchException>(() => singular.Inverse());
        Should.Throw<TorchException>(() => singular.Solve(Tensor.Ones([2, 1], DType.Float64)));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Eigenvalues_ascend_and_eigenvectors_stand_in_columns(DType type, double tolerance)
    {
        var half = Normal(5, 5, type);
        var matrix = half + half.Transpose(0, 1);
        var (values, vectors) = matrix.SymmetricEigen();
        var ascending = values.ToArray<double>();
        ascending.ShouldBe(ascending.Order());
        ascending[0].ShouldBeLessThan(0);
        ascending[^1].ShouldBeGreaterThan(0);
        Distance(matrix.MatMul(vectors), vectors * values).ShouldBeLessThan(10 * tolerance);
        Distance(vectors.Transpose(0, 1).MatMul(vectors), Tensor.Eye(5, type)).ShouldBeLessThan(tolerance);
    }

    [Theory]
    [InlineData(6, 4)]
    [InlineData(4, 6)]
    [InlineData(5, 5)]
    public void Singular_values_descend_and_the_thin_factors_make_up_the_matrix(long rows, long columns)
    {
        foreach (var (type, tolerance) in new[] { (DType.Float32, 1e-4), (DType.Float64, 1e-12) })
        {
            var matrix = Normal(rows, columns, type);
            var (u, s, vt) = matrix.Svd();
            var k = Math.Min(rows, columns);
            u.Shape.ShouldBe([rows, k]);
            s.Shape.ShouldBe([k]);
            vt.Shape.ShouldBe([k, columns]);
            var values = s.ToArray<double>();
            values.ShouldBe(values.OrderDescending());
            values[^1].ShouldBeGreaterThan(0);
            Distance((u * s).MatMul(vt), matrix).ShouldBeLessThan(tolerance);
            Distance(u.Transpose(0, 1).MatMul(u), Tensor.Eye(k, type)).ShouldBeLessThan(tolerance);
            Distance(vt.MatMul(vt.Transpose(0, 1)), Tensor.Eye(k, type)).ShouldBeLessThan(tolerance);
        }
    }

    [Fact]
    public void The_diagonal_is_a_view()
    {
        var matrix = Range(2, 3);
        matrix.Diagonal().ToArray<float>().ShouldBe([0, 4]);
        matrix.Diagonal().AddInPlace(Vector(10, 20));
        matrix.ToArray<float>().ShouldBe([10, 1, 2, 3, 24, 5]);
    }

    private static Tensor Normal(long rows, long columns, DType type)
    {
        TorchRuntime.Seed((ulong)(rows * 100 + columns));
        return Tensor.RandN([rows, columns]).To(type);
    }

    private static Tensor WellConditioned(long size, DType type) => Normal(size, size, type) + Tensor.Eye(size, type) * 5.0;
}
