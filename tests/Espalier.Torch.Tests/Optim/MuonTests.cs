using Espalier.Testing;
using Espalier.Torch.Optim;

namespace Espalier.Torch.Tests.Optim;

public class MuonTests : TorchTest
{
    [Theory]
    [InlineData(40, 16)]
    [InlineData(16, 40)]
    [InlineData(24, 60)]
    public void Orthogonalising_brings_every_singular_value_near_one(int rows, int columns)
    {
        TorchRuntime.Seed(3);
        var matrix = Tensor.RandN([rows, columns]) * 50;
        var (u, _, vt) = matrix.Svd();
        var result = Muon.Orthogonalize(matrix);
        result.Shape.ShouldBe([rows, columns]);
        var inOldBasis = u.Transpose(0, 1).MatMul(result).MatMul(vt.Transpose(0, 1)).Reshape(-1).ToArray<float>();
        var k = Math.Min(rows, columns);
        for (var i = 0; i < k; i++)
            for (var j = 0; j < k; j++)
                if (i == j) inOldBasis[i * k + j].ShouldBeInRange(0.3f, 1.3f);
                else inOldBasis[i * k + j].ShouldBe(0, 1e-3f);
    }

    [Fact]
    public void A_matrix_moves_by_its_direction_and_a_vector_as_with_AdamW()
    {
        var (matrix, vector, same) = (Range(4, 6), Range(5), Range(5));
        var before = matrix.ToArray<float>();
        foreach (var p in new[] { matrix, vector, same }) p.RequiresGrad = true;
        using var muon = new Muon([matrix, vector], 0.01);
        using var adam = new AdamW([same], 0.01);
        TorchRuntime.Seed(1);
        var pull = Tensor.RandN([4, 6]);
        ((matrix * pull).Sum() + (vector * vector).Sum() + (same * same).Sum()).Backward();
        muon.Step();
        adam.Step();
        vector.Detach().ToArray<float>().ShouldBe(same.Detach().ToArray<float>());
        var moved = Tensor.From<float>(before, 4, 6) - matrix.Detach();
        var expected = Muon.Orthogonalize(pull) * (0.01 * 0.2 * Math.Sqrt(6));
        (moved - expected).Abs().Max().Item().ShouldBeLessThan(1e-5);
    }
}
