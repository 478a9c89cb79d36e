using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>Fresh weights, distributed as torchvision initialises its ResNets and MobileNets.</summary>
internal static class CnnInit
{
    /// <summary>Convolutions N(0, 2 / (k²·outputs/groups)), BatchNorms 1 and 0 with mean 0 and variance 1, the head U(±1/√inputs) with bias 0.</summary>
    public static CnnModel Random(CnnArchitecture net, Preprocessing preprocessing, ulong seed)
    {
        var groups = CnnLayers.All(net).ToDictionary(l => l.Conv + ".weight", l => l.Groups);
        return new(net, preprocessing, FreshWeights.Of(net, seed, (name, shape, generator) => Fresh(name, shape, groups.GetValueOrDefault(name, 1), generator)));
    }

    private static Tensor Fresh(string name, long[] shape, int groups, Generator generator) => shape.Length switch
    {
        4 => Tensor.RandN(shape, generator) * Math.Sqrt(2.0 * groups / (shape[0] * shape[2] * shape[3])),
        2 => Head(shape, generator),
        _ => name.EndsWith(".weight", StringComparison.Ordinal) || name.EndsWith("_var", StringComparison.Ordinal) ? Tensor.Ones(shape) : Tensor.Zeros(shape),
    };

    /// <summary>A fresh matrix of the head, [classes, inputs].</summary>
    public static Tensor Head(long[] shape, Generator generator) => FreshWeights.Uniform(shape, 1 / Math.Sqrt(shape[1]), generator);
}
