using Espalier.Models.Cnn;
using Espalier.Models.Tests.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests;

/// <summary>The counter of MACs against a count of the operators that really run, over random networks and edits.</summary>
public class CountedCostTests : TorchTest
{
    public static TheoryData<int, bool> Networks
    {
        get
        {
            var data = new TheoryData<int, bool>();
            for (var seed = 0; seed < 12; seed++) data.Add(seed, seed % 3 == 2);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Transformers_cost_what_their_operators_do(int seed, bool family)
    {
        using var model = RandomEdits.Model((ulong)seed, family);
        Check(model, model.Architecture.ImageSize);
    }

    [Theory]
    [InlineData("resnet18", 1)]
    [InlineData("resnet50", 4)]
    [InlineData("mobilenetv2_100", 2)]
    public void Convolutional_networks_do(string name, int dropped)
    {
        const int Side = 64;
        var net = (CnnArchitecture)ModelRegistry.Find(name)!.Architecture.At(Side);
        using var whole = net.Random(Espalier.Models.Vit.VitFamilies.TorchVisionPreprocessing(Side), 1);
        Check(whole, Side);
        var hidden = net.Blocks[dropped].Hidden;
        using var cut = whole.KeepHidden(dropped, [.. Enumerable.Range(0, hidden / 2)]);
        Check(cut, Side);
    }

    private static void Check(Model model, int side)
    {
        using var noGrad = new NoGrad();
        var counted = new Counter();
        var pixels = Tensor.Zeros([1, model.Architecture.Channels, side, side]);
        Operator.Observe(counted.Note, () => model.Logits(pixels));
        var cost = model.Architecture.Cost();
        (counted.Products + counted.Layers).ShouldBe(cost.MacsFull, $"{model.Architecture}");
        if (model is not CnnModel) (counted.Layers + counted.Norms).ShouldBe(cost.MacsBudget, $"{model.Architecture}");
        model.Parameters.Sum(p => p.Value.Count).ShouldBe(cost.Parameters);
    }

    /// <summary>Adds up what operators multiply, from the shapes they are given.</summary>
    private sealed class Counter
    {
        /// <summary>Of linear layers and convolutions.</summary>
        public long Layers { get; private set; }

        /// <summary>Of attention.</summary>
        public long Products { get; private set; }

        /// <summary>Four for every element of a LayerNorm with weights.</summary>
        public long Norms { get; private set; }

        public void Note(string name, ReadOnlySpan<Arg> args)
        {
            switch (name)
            {
                case "aten::linear": Layers += Shape(args[0]).Aggregate((a, b) => a * b) * Shape(args[1])[0]; break;
                case "aten::matmul": Products += Shape(args[0]).Aggregate((a, b) => a * b) * Shape(args[1])[^1]; break;
                case "espalier::attention":
                    var qkv = Shape(args[0]);
                    Products += qkv[0] * args[1].Bits * qkv[1] * qkv[1] * (args[2].Bits + args[3].Bits);
                    break;
                case "aten::layer_norm": Norms += 4 * Shape(args[0]).Aggregate((a, b) => a * b); break;
                case "aten::conv2d":
                    var (x, w) = (Shape(args[0]), Shape(args[1]));
                    var (stride, padding) = (First(args[3]), First(args[4]));
                    var side = (x[2] + 2 * padding - w[2]) / stride + 1;
                    Layers += side * side * w.Aggregate((a, b) => a * b);
                    break;
                case "aten::bmm" or "aten::mm" or "aten::addmm" or "aten::einsum" or "aten::baddbmm" or "aten::convolution": throw new InvalidOperationException($"{name} is not counted by this test");
            }
        }

        private static long[] Shape(Arg arg) => ((Tensor)arg.Object!).Shape;

        private static long First(Arg arg) => arg.Object is long[] list ? list[0] : arg.Bits;
    }
}
