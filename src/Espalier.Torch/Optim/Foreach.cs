namespace Espalier.Torch.Optim;

/// <summary>In-place arithmetic over a list of tensors in one operator call each.</summary>
internal static class Foreach
{
    private static readonly Operator s_add = new("aten::_foreach_add_", "List");
    private static readonly Operator s_addScalar = new("aten::_foreach_add_", "Scalar");
    private static readonly Operator s_mul = new("aten::_foreach_mul_", "Scalar");
    private static readonly Operator s_addcmul = new("aten::_foreach_addcmul_", "Scalar");
    private static readonly Operator s_addcdiv = new("aten::_foreach_addcdiv_", "Scalar");
    private static readonly Operator s_div = new("aten::_foreach_div_", "Scalar");
    private static readonly Operator s_sqrt = new("aten::_foreach_sqrt");
    private static readonly Operator s_norm = new("aten::_foreach_norm", "Scalar");

    internal static void Add(Tensor[] self, Tensor[] other, double alpha = 1) => s_add.Run(self, other, alpha);
    internal static void Add(Tensor[] self, double value) => s_addScalar.Run(self, value);
    internal static void Mul(Tensor[] self, double factor) => s_mul.Run(self, factor);
    internal static void Div(Tensor[] self, double divisor) => s_div.Run(self, divisor);

    /// <summary>self += value · a · b.</summary>
    internal static void AddCMul(Tensor[] self, Tensor[] a, Tensor[] b, double value) => s_addcmul.Run(self, a, b, value);

    /// <summary>self += value · a / b.</summary>
    internal static void AddCDiv(Tensor[] self, Tensor[] a, Tensor[] b, double value) => s_addcdiv.Run(self, a, b, value);

    internal static Tensor[] Sqrt(Tensor[] self) => s_sqrt.CallMany((Arg)self)!;

    internal static Tensor[] Norms(Tensor[] self) => s_norm.CallMany(self, 2)!;
}
