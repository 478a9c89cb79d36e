using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>Small convolutional networks with fresh weights, and norms that are not the identity.</summary>
internal static class SmallCnns
{
    /// <summary>One that is registered.</summary>
    public static CnnModel Fresh(string name)
    {
        var entry = ModelRegistry.Find(name)!;
        return Shaken((CnnModel)entry.Architecture.Random(entry.Preprocessing, 3));
    }

    /// <summary>Four blocks, one with a stride: <c>basic</c>, <c>bottleneck</c> or <c>inverted residual</c>.</summary>
    public static CnnModel OfKind(string kind)
    {
        var isMobile = kind == "inverted residual";
        var block = kind == "basic" ? CnnBlockKind.Basic : isMobile ? CnnBlockKind.InvertedResidual : CnnBlockKind.Bottleneck;
        var net = new CnnArchitecture
        {
            Name = kind, ImageSize = 12, Channels = 1, Classes = 5, Style = isMobile ? CnnStyle.MobileNetV2 : CnnStyle.ResNet, Stem = new CnnStem(6, 3, 1, Pool: false),
            Blocks =
            [
                new() { Kind = block, Stage = 0, Inputs = 6, Hidden = isMobile ? 6 : 8, Outputs = 6, Expands = !isMobile },
                new() { Kind = block, Stage = 0, Inputs = 6, Hidden = 12, Outputs = 6 },
                new() { Kind = block, Stage = 1, Inputs = 6, Hidden = 12, Outputs = 10, Stride = 2, Shortcut = !isMobile },
                new() { Kind = block, Stage = 1, Inputs = 10, Hidden = 14, Outputs = 10 },
            ],
            HeadWidth = isMobile ? 16 : 0,
        };
        return Shaken(net.Random(new Preprocessing { Size = 12, CropFraction = 1, Mean = [0.5], Std = [0.5] }, 3));
    }

    private static CnnModel Shaken(CnnModel model)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        foreach (var (tensor, value) in model.Weights)
            if (value.Shape.Length == 1) value.CopyFrom(tensor.EndsWith("_var", StringComparison.Ordinal) ? value + Tensor.Rand(value.Shape) : value + Tensor.RandN(value.Shape) * 0.1);
        return model;
    }
}
