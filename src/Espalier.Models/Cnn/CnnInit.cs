using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>Fresh weights, distributed as torchvision initialises its ResNets and MobileNets.</summary>
internal static class CnnInit
{
    /// <summary>Convolutions N(0, 2 / (k²·outputs/groups)), BatchNorms 1 and 0 with mean 0 and variance 1, the head U(±1/√inputs) with bias 0.</summary>
    public static CnnModel Random(CnnArchitecture net, Preprocessing preprocessing, ulong seed)
    {
        using var noGrad = new NoGrad();
        TorchRuntime.Seed(seed);
        var groups = CnnLayers.All(net).ToDictionary(l => l.Conv + ".weight", l => l.Groups);
        var weights = new Weights();
        foreach (var (name, shape) in net.Tensors())
        {
            using var scope = new TensorScope();
            weights.Set(name, Fresh(name, [.. shape], groups.GetValueOrDefault(name, 1)));
        }
        return new CnnModel(net, preprocessing, weights);
    }

    private static Tensor Fresh(string name, long[] shape, int groups) => shape.Length switch
    {
        4 => Tensor.RandN(shape) * Math.Sqrt(2.0 * groups / (shape[0] * shape[2] * shape[3])),
        2 => Head(shape),
        _ => name.EndsWith(".weight", StringComparison.Ordinal) || name.EndsWith("_var", StringComparison.Ordinal) ? Tensor.Ones(shape) : Tensor.Zeros(shape),
    };

    /// <summary>A fresh matrix of the head, [classes, inputs].</summary>
    public static Tensor Head(long[] shape)
    {
        var bound = 1 / Math.Sqrt(shape[1]);
        return Tensor.Rand(shape) * (2 * bound) - bound;
    }
}
