using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Testing;

/// <summary>Small networks with weights large enough for every tensor to matter, unlike a freshly initialised one.</summary>
internal static class TestNets
{
    private static readonly VitEntry s_tiny = VitRegistry.Find("tiny-test-vit")!;

    /// <summary>The tiny test net: 32×32, patch 8, 6 blocks of width 64, 10 classes.</summary>
    public static VitArchitecture TinyNet => s_tiny.Architecture;

    public static VitModel Tiny(ulong seed) => Model(TinyNet, seed);

    /// <summary>A network of random depth and widths.</summary>
    public static VitArchitecture Net(SeededRandom random)
    {
        var heads = random.NextInt(1, 4);
        var patch = random.NextInt(2, 5);
        var net = VitArchitecture.Uniform("random-vit", patch * random.NextInt(2, 4), patch, random.NextBool() ? 1 : 3,
            heads * random.NextInt(3, 9), random.NextInt(1, 4), heads, random.NextInt(2, 9), random.NextInt(1, 40));
        return net with { LayerNormEps = random.NextBool() ? 1e-6 : 1e-3 };
    }

    /// <summary>The network with heads, query/key, value and MLP widths drawn anew for every block.</summary>
    public static VitArchitecture Narrowed(VitArchitecture net, SeededRandom random) => net with
    {
        Blocks = [.. net.Blocks.Select(_ => new VitBlock
        {
            Heads = random.NextInt(1, 4),
            QkDim = random.NextInt(1, 6),
            VDim = random.NextInt(6, 9),
            MlpHidden = random.NextInt(1, 40),
            AttentionScale = random.NextBool() ? random.NextDouble(0.1, 1) : null,
            NormEps = random.NextBool() ? 1e-2 : null,
        })],
    };

    /// <summary>Random weights: matrices keep the size of what passes through, norms and biases differ from 1 and 0.</summary>
    public static VitModel Model(VitArchitecture net, ulong seed)
    {
        using var noGrad = new NoGrad();
        TorchRuntime.Seed(seed);
        var weights = new Weights();
        foreach (var (name, shape) in VitTensors.Expected(net))
        {
            using var scope = new TensorScope();
            var noise = Tensor.RandN([.. shape]);
            weights.Set(name, shape.Length switch
            {
                1 => noise * 0.1 + (name.EndsWith(".gamma") ? 0.5 : name.Contains("norm") && name.EndsWith("weight") ? 1.0 : 0.0),
                3 => noise * 0.5,
                _ => noise * (1 / Math.Sqrt(shape.Skip(1).Aggregate(1L, (a, b) => a * b))),
            });
        }
        double[] half = [.. Enumerable.Repeat(0.5, net.Channels)];
        return new VitModel(net, new Preprocessing { Size = net.ImageSize, CropFraction = 1, Mean = [.. half], Std = [.. half] }, weights);
    }

    /// <summary>Normal noise as input, in the current scope.</summary>
    public static Tensor Pixels(Architecture net, int count, ulong seed)
    {
        TorchRuntime.Seed(seed);
        return Tensor.RandN([count, net.Channels, net.ImageSize, net.ImageSize]);
    }

    /// <summary>Logits without recording, in the current scope.</summary>
    public static Tensor Answer(this Model model, Tensor pixels)
    {
        using var noGrad = new NoGrad();
        return model.Logits(pixels);
    }

    /// <summary>Names of the tensors that differ in a bit, or that one of the two lacks.</summary>
    public static string[] Differences(this Weights a, Weights b) =>
        [.. a.Keys.Union(b.Keys).Where(n => !a.ContainsKey(n) || !b.ContainsKey(n) || !a[n].BitEquals(b[n]))];

    /// <summary>Labelled images of noise, kept in memory.</summary>
    public static ImageDataset Images(int count, int side, int channels, int classes, ulong seed)
    {
        var random = new SeededRandom(seed, "test images");
        return new ImageDataset("noise", [.. Enumerable.Range(0, count).Select(i =>
        {
            var pixels = new byte[side * side * channels];
            for (var k = 0; k < pixels.Length; k++) pixels[k] = (byte)random.NextInt(256);
            return (ImageItem)new ImageMemoryItem($"{i}", random.NextInt(classes), new ImageBuffer(side, side, channels, pixels));
        })], classCount: classes);
    }
}
