using System.Collections.Immutable;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats.Onnx;
using Espalier.Torch;

namespace Espalier.Models.Tests.Cnn;

/// <summary>Small convolutional networks of every kind, dense and cut, with weights and running statistics that all matter.</summary>
internal static class CnnNets
{
    private static readonly CnnArchitecture s_resNet = (CnnArchitecture)CnnRegistry.Find("fashion-resnet")!.Architecture;

    private static readonly CnnArchitecture s_mobileNet = (CnnArchitecture)CnnRegistry.Find("fashion-mobilenet")!.Architecture;

    private static readonly CnnArchitecture s_bottleneck = s_resNet with
    {
        Name = "bottleneck", ImageSize = 40, Channels = 3, Classes = 5, NormEps = 1e-3, Stem = new CnnStem(8, 7, 2, Pool: true),
        Blocks =
        [
            new() { Kind = CnnBlockKind.Bottleneck, Stage = 0, Inputs = 8, Hidden = 6, Outputs = 24, Shortcut = true },
            new() { Kind = CnnBlockKind.Bottleneck, Stage = 0, Inputs = 24, Hidden = 6, Outputs = 24 },
            new() { Kind = CnnBlockKind.Bottleneck, Stage = 1, Inputs = 24, Hidden = 10, Outputs = 40, Stride = 2, Shortcut = true },
            new() { Kind = CnnBlockKind.Bottleneck, Stage = 1, Inputs = 40, Hidden = 10, Outputs = 40 },
        ],
    };

    private static readonly Dictionary<string, (CnnArchitecture Net, Func<CnnModel, CnnModel>[] Edits)> s_all = new()
    {
        ["basic"] = (s_resNet, []),
        ["bottleneck"] = (s_bottleneck, []),
        ["inverted residual"] = (s_mobileNet, []),
        ["no head"] = (s_bottleneck with { Classes = 0 }, []),
        ["basic, dropped"] = (s_resNet, [m => m.DropBlock(1), m => m.DropBlock(7)]),
        ["bottleneck, dropped"] = (s_bottleneck, [m => m.DropBlock(3)]),
        ["inverted residual, dropped"] = (s_mobileNet, [m => m.DropBlock(2), m => m.DropBlock(3)]),
        ["basic, dense"] = (s_resNet, [m => m.KeepHidden(1, [0, 3, 5, 15]), m => m.KeepHidden(3, [1, 4, 6]), m => m.KeepHidden(8, [2])]),
        ["bottleneck, dense"] = (s_bottleneck, [m => m.KeepHidden(0, [4]), m => m.KeepHidden(1, [1, 2, 5]), m => m.KeepHidden(2, [0, 1, 7]), m => m.KeepHidden(3, [0, 9])]),
        ["inverted residual, dense"] = (s_mobileNet, [m => m.KeepHidden(1, [3, 5, 40]), m => m.KeepHidden(2, [0, 7, 60]), m => m.DropBlock(8), m => m.KeepHidden(9, [1, 2, 3, 200])]),
    };

    public static IEnumerable<string> Names => s_all.Keys;

    public static TheoryData<string> All => [.. Names];

    /// <summary>Every network in every operator set.</summary>
    public static TheoryData<string, int> InEveryOpset
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var name in Names)
                foreach (var opset in OnnxOptions.Opsets) data.Add(name, opset);
            return data;
        }
    }

    public static CnnModel Model(string name, ulong seed = 5) =>
        s_all[name].Edits.Aggregate(Model(s_all[name].Net, seed), (model, edit) =>
        {
            using (model) return edit(model);
        });

    /// <summary>Random weights that keep the size of what passes through; norms, biases and statistics differ from 1 and 0.</summary>
    public static CnnModel Model(CnnArchitecture net, ulong seed)
    {
        using var noGrad = new NoGrad();
        TorchRuntime.Seed(seed);
        var weights = new Weights();
        foreach (var (name, shape) in net.Tensors())
        {
            using var scope = new TensorScope();
            var noise = Tensor.RandN([.. shape]);
            weights.Set(name, name switch
            {
                _ when shape.Length > 1 => noise * Math.Sqrt(1.5 / shape.Skip(1).Aggregate(1L, (a, b) => a * b)),
                _ when name.EndsWith("_var") => noise.Abs() * 0.3 + 0.7,
                _ when name.EndsWith(".weight") => noise * 0.1 + 0.8,
                _ => noise * 0.1,
            });
        }
        ImmutableArray<double> half = [.. Enumerable.Repeat(0.5, net.Channels)];
        return new CnnModel(net, new Preprocessing { Size = net.ImageSize, CropFraction = 1, Mean = half, Std = half }, weights);
    }
}
