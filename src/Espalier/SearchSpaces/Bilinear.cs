using Espalier.Torch;

namespace Espalier.SearchSpaces;

/// <summary>A cost that is bilinear in the width E a submodule reads and its size S: c + e·E + s·S + x·E·S.</summary>
public readonly record struct Bilinear(double Constant, double PerEmbed, double PerUnit, double Product)
{
    /// <summary>The coefficients of a counter, from its values at four corners.</summary>
    public static Bilinear Of(Func<int, int, long> cost)
    {
        long c11 = cost(1, 1), c21 = cost(2, 1), c12 = cost(1, 2), product = cost(2, 2) - c21 - c12 + c11;
        var (perEmbed, perUnit) = (c21 - c11 - product, c12 - c11 - product);
        return new(c11 - perEmbed - perUnit - product, perEmbed, perUnit, product);
    }

    public double At(double embed, double size) => Constant + PerEmbed * embed + (PerUnit + Product * embed) * size;

    /// <summary>The same of expected sizes, for autograd.</summary>
    public Tensor At(Tensor embed, Tensor size) => embed * PerEmbed + (embed * Product + PerUnit) * size + Constant;
}
