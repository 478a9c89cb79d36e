namespace Espalier.Torch;

/// <content>Linear algebra of matrices, on fp32 or fp64.</content>
public sealed partial class Tensor
{
    private static readonly Operator s_inverse = new("aten::linalg_inv");
    private static readonly Operator s_solve = new("aten::linalg_solve");
    private static readonly Operator s_eigh = new("aten::linalg_eigh");
    private static readonly Operator s_svd = new("aten::linalg_svd");
    private static readonly Operator s_diagonal = new("aten::diagonal");

    /// <summary>The inverse of a square matrix.</summary>
    /// <exception cref="TorchException">The matrix is singular.</exception>
    public Tensor Inverse() => s_inverse.Call(this);

    /// <summary>X of this · X = <paramref name="right"/>, this being square [n, n] and the right side [n, k].</summary>
    /// <exception cref="TorchException">The matrix is singular.</exception>
    public Tensor Solve(Tensor right) => s_solve.Call(this, right);

    /// <summary>Eigenvalues, ascending [n], and eigenvectors, in columns [n, n], of a symmetric matrix.</summary>
    public (Tensor Values, Tensor Vectors) SymmetricEigen()
    {
        var results = s_eigh.CallMany(this, "L");
        return (results[0]!, results[1]!);
    }

    /// <summary>U [n, k], S [k] descending and Vᵀ [k, m] with this = U·diag(S)·Vᵀ, k = min(n, m).</summary>
    public (Tensor U, Tensor S, Tensor Vt) Svd()
    {
        var results = s_svd.CallMany(this, false);
        return (results[0]!, results[1]!, results[2]!);
    }

    /// <summary>A view of the main diagonal.</summary>
    public Tensor Diagonal() => s_diagonal.Call(this);
}
