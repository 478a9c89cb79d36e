namespace Espalier.Torch;

/// <content>Arithmetic, reductions and comparisons.</content>
public sealed partial class Tensor
{
    private static readonly Operator s_add = new("aten::add", "Tensor");
    private static readonly Operator s_addScalar = new("aten::add", "Scalar");
    private static readonly Operator s_sub = new("aten::sub", "Tensor");
    private static readonly Operator s_mul = new("aten::mul", "Tensor");
    private static readonly Operator s_mulScalar = new("aten::mul", "Scalar");
    private static readonly Operator s_div = new("aten::div", "Tensor");
    private static readonly Operator s_divScalar = new("aten::div", "Scalar");
    private static readonly Operator s_neg = new("aten::neg");
    private static readonly Operator s_pow = new("aten::pow", "Tensor_Scalar");
    private static readonly Operator s_exp = new("aten::exp");
    private static readonly Operator s_log = new("aten::log");
    private static readonly Operator s_sqrt = new("aten::sqrt");
    private static readonly Operator s_reciprocal = new("aten::reciprocal");
    private static readonly Operator s_erf = new("aten::erf");
    private static readonly Operator s_abs = new("aten::abs");
    private static readonly Operator s_sigmoid = new("aten::sigmoid");
    private static readonly Operator s_tan = new("aten::tan");
    private static readonly Operator s_clamp = new("aten::clamp");
    private static readonly Operator s_clampTensor = new("aten::clamp", "Tensor");
    private static readonly Operator s_matmul = new("aten::matmul");
    private static readonly Operator s_sum = new("aten::sum");
    private static readonly Operator s_sumDim = new("aten::sum", "dim_IntList");
    private static readonly Operator s_mean = new("aten::mean");
    private static readonly Operator s_meanDim = new("aten::mean", "dim");
    private static readonly Operator s_max = new("aten::max");
    private static readonly Operator s_maxDim = new("aten::max", "dim");
    private static readonly Operator s_sort = new("aten::sort", "stable");
    private static readonly Operator s_argmax = new("aten::argmax");
    private static readonly Operator s_topk = new("aten::topk");
    private static readonly Operator s_multinomial = new("aten::multinomial");
    private static readonly Operator s_norm = new("aten::norm", "ScalarOpt_dim");
    private static readonly Operator s_normAll = new("aten::norm", "Scalar");
    private static readonly Operator s_eq = new("aten::eq", "Tensor");
    private static readonly Operator s_where = new("aten::where", "self");
    private static readonly Operator s_isfinite = new("aten::isfinite");
    private static readonly Operator s_all = new("aten::all");
    private static readonly Operator s_equal = new("aten::equal");

    // As in PyTorch, a whole number leaves an integer tensor integral and any other number makes it fp32.
    public static Tensor operator +(Tensor a, Tensor b) => s_add.Call(a, b);
    public static Tensor operator +(Tensor a, double b) => s_addScalar.Call(a, b);
    public static Tensor operator +(Tensor a, long b) => s_addScalar.Call(a, b);
    public static Tensor operator -(Tensor a, Tensor b) => s_sub.Call(a, b);
    public static Tensor operator -(Tensor a, double b) => s_addScalar.Call(a, -b);
    public static Tensor operator -(Tensor a, long b) => s_addScalar.Call(a, -b);
    public static Tensor operator -(Tensor a) => s_neg.Call(a);
    public static Tensor operator -(double a, Tensor b) => s_addScalar.Call(s_neg.Call(b), a);
    public static Tensor operator *(Tensor a, Tensor b) => s_mul.Call(a, b);
    public static Tensor operator *(Tensor a, double b) => s_mulScalar.Call(a, b);
    public static Tensor operator *(Tensor a, long b) => s_mulScalar.Call(a, b);
    public static Tensor operator *(double a, Tensor b) => s_mulScalar.Call(b, a);
    public static Tensor operator *(long a, Tensor b) => s_mulScalar.Call(b, a);
    public static Tensor operator /(Tensor a, Tensor b) => s_div.Call(a, b);
    public static Tensor operator /(Tensor a, double b) => s_divScalar.Call(a, b);

    public Tensor Pow(double exponent) => s_pow.Call(this, exponent);
    public Tensor Exp() => s_exp.Call(this);
    public Tensor Log() => s_log.Call(this);
    public Tensor Sqrt() => s_sqrt.Call(this);
    /// <summary>1 / x, elementwise.</summary>
    public Tensor Reciprocal() => s_reciprocal.Call(this);
    /// <summary>The error function, elementwise.</summary>
    public Tensor Erf() => s_erf.Call(this);
    public Tensor Abs() => s_abs.Call(this);
    /// <summary>1 / (1 + exp(−x)), elementwise.</summary>
    public Tensor Sigmoid() => s_sigmoid.Call(this);
    public Tensor Tan() => s_tan.Call(this);
    /// <summary>Clamps every element to [min, max].</summary>
    public Tensor Clamp(double min, double max) => s_clamp.Call(this, min, max);

    /// <summary>Clamps elementwise between two tensors that broadcast to this one.</summary>
    public Tensor Clamp(Tensor min, Tensor max) => s_clampTensor.Call(this, min, max);

    /// <summary>Matrix product over the last two dimensions, batched over the others.</summary>
    public Tensor MatMul(Tensor other) => s_matmul.Call(this, other);

    /// <summary>Sum of all elements, a scalar tensor.</summary>
    public Tensor Sum() => s_sum.Call(this);
    /// <summary>Sum over the given dimensions, which go away unless <paramref name="keepDim"/>.</summary>
    public Tensor Sum(long[] dims, bool keepDim = false) => s_sumDim.Call(this, dims, keepDim);
    /// <summary>Mean of all elements, a scalar tensor.</summary>
    public Tensor Mean() => s_mean.Call(this);
    /// <summary>Mean over the given dimensions, which go away unless <paramref name="keepDim"/>.</summary>
    public Tensor Mean(long[] dims, bool keepDim = false) => s_meanDim.Call(this, dims, keepDim);
    /// <summary>Largest element, a scalar tensor.</summary>
    public Tensor Max() => s_max.Call(this);
    /// <summary>Position of the largest element along one dimension, int64.</summary>
    public Tensor ArgMax(long dim) => s_argmax.Call(this, dim);

    /// <summary>The largest element along one dimension, which goes away, and its position (int64).</summary>
    public (Tensor Values, Tensor Indices) MaxAlong(long dim)
    {
        var results = s_maxDim.CallMany(this, dim);
        return (results[0]!, results[1]!);
    }

    /// <summary>Sorted along one dimension, equal elements in their order, and where each came from (int64).</summary>
    public (Tensor Values, Tensor Indices) Sort(long dim, bool descending = false)
    {
        var results = s_sort.CallMany(this, true, dim, descending);
        return (results[0]!, results[1]!);
    }

    /// <summary>The k largest values along the last dimension, descending, and their indices.</summary>
    public (Tensor Values, Tensor Indices) TopK(long k)
    {
        var results = s_topk.CallMany(this, k);
        return (results[0]!, results[1]!);
    }

    /// <summary>Draws k indices per row, with replacement, by the row's probabilities: int64 [rows, k], from a generator of this tensor's device; without one from the process-wide one.</summary>
    public Tensor Multinomial(long k, Generator? generator = null) => s_multinomial.Call(this, k, true, generator);

    /// <summary>Euclidean norm over the given dimensions.</summary>
    public Tensor Norm(long[] dims) => s_norm.Call(this, 2, dims);

    /// <summary>Euclidean norm of all elements.</summary>
    public Tensor Norm() => s_normAll.Call(this, 2);

    /// <summary>Elementwise equality, a boolean tensor.</summary>
    public Tensor EqualTo(Tensor other) => s_eq.Call(this, other);

    /// <summary>This where the condition holds, else <paramref name="other"/>.</summary>
    public Tensor Where(Tensor condition, Tensor other) => s_where.Call(condition, this, other);

    /// <summary>True when no element is NaN or infinite.</summary>
    public bool AllFinite()
    {
        using var scope = new TensorScope();
        return s_all.Call(s_isfinite.Call(this)).Item() != 0;
    }

    /// <summary>Same shape and equal elements; false where either holds a NaN.</summary>
    public bool BitEquals(Tensor other) => s_equal.CallNumber(this, other) != 0;
}
