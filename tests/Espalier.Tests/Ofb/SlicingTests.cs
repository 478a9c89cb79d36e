using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.SearchSpaces;
using Espalier.Tests.SearchSpaces;
using Espalier.Torch;

namespace Espalier.Tests.Ofb;

/// <summary>What is masked in full and what is cut away compute the same.</summary>
public class SlicingTests : TorchTest
{
    [Fact]
    public void Binary_masks_and_real_cuts_agree_to_the_last_digits()
    {
        var random = new SeededRandom(1);
        for (var trial = 0; trial < 6; trial++)
        {
            using var model = Double(Net(random), (ulong)trial);
            var pixels = TestNets.Pixels(model.Architecture, 3, 5).To(DType.Float64);
            foreach (var kinds in new UnitKind[][] { [UnitKind.Embedding], [UnitKind.HeadChannels], [UnitKind.Hidden], [.. Enum.GetValues<UnitKind>()] })
            {
                var kept = Choose(model.Architecture, kinds, random);
                using var cut = Cut(model, kept);
                var expected = Masked(model, kept, pixels, normOverKept: true);
                Distance(cut.Answer(pixels), expected).ShouldBeLessThan(1e-10);
                // Only the embedding needs norms over what is kept.
                var fullNorm = Distance(Masked(model, kept, pixels, normOverKept: false), expected);
                if (kinds.Contains(UnitKind.Embedding)) fullNorm.ShouldBeGreaterThan(1e-3);
                else fullNorm.ShouldBeLessThan(1e-10);
                cut.Architecture.Blocks.Zip(model.Architecture.Blocks).ShouldAllBe(b =>
                    Math.Abs((b.First.AttentionScale ?? 1 / Math.Sqrt(b.First.QkDim)) - 1 / Math.Sqrt(b.Second.QkDim)) < 1e-15);
            }
        }
    }

    [Fact]
    public void The_order_of_kept_units_does_not_matter()
    {
        using var model = Double(SearchSpaceTests.Toy, 3);
        var pixels = TestNets.Pixels(model.Architecture, 2, 5).To(DType.Float64);
        var before = model.Answer(pixels);
        var random = new SeededRandom(2);
        foreach (var (width, block, units) in new[] { (UnitKind.Embedding, -1, 64), (UnitKind.Hidden, 1, 256), (UnitKind.HeadChannels, 2, 16) })
        {
            // Channels of an attention move within their head, and heads as wholes.
            int[] order = width == UnitKind.HeadChannels
                ? [.. random.Permutation(4).SelectMany(h => random.Permutation(16).Select(c => h * 16 + c))] : random.Permutation(units);
            var cut = new WidthCut(width, block, order.Length, [.. order]);
            using var weights = new Weights();
            foreach (var (name, tensor) in model.Weights) weights.Set(name, cut.Apply(name, tensor).Clone());
            using var permuted = new VitModel(model.Architecture, model.Preprocessing, weights);
            // Each head keeps an order of its own, but q, k and v share it.
            Distance(permuted.Answer(pixels), before).ShouldBeLessThan(1e-10);
        }
    }

    [Fact]
    public void The_order_of_a_stages_channels_does_not_matter()
    {
        using var model = Double(FamilyNets.Swins[1].Net, 3);
        var net = model.Architecture;
        var pixels = TestNets.Pixels(net, 2, 5).To(DType.Float64);
        var before = model.Answer(pixels);
        var random = new SeededRandom(2);
        foreach (var first in net.Stages)
        {
            var cut = WidthCut.Of(net, UnitKind.Embedding, first > 0 ? first : -1, [.. random.Permutation(net.WidthOf(first))]);
            using var weights = new Weights();
            foreach (var (name, tensor) in model.Weights) weights.Set(name, cut.Apply(name, tensor).Clone());
            using var permuted = new VitModel(net, model.Preprocessing, weights);
            Distance(permuted.Answer(pixels), before).ShouldBeLessThan(1e-10);
            weights.Differences(model.Weights).ShouldNotBeEmpty();
        }
        using var narrow = model.KeepEmbedding([.. Enumerable.Range(0, 17)], first: 2);
        narrow.Architecture.Stages.Select(narrow.Architecture.WidthOf).ShouldBe([12, 17, 48]);
        foreach (var (name, shape) in VitTensors.Expected(narrow.Architecture)) narrow.Weights[name].Shape.ShouldBe([.. shape], name);
    }

    // A factor on a stage's channels is one on what patches, or patch merging, and every branch write: branches by a hook, the rest by hand.
    [Fact]
    public void Folding_the_factors_of_stages_is_masking_what_they_write()
    {
        var random = new SeededRandom(4);
        using var model = Double(FamilyNets.Swins[0].Net, 7);
        var net = model.Architecture;
        Tensor Factor(int units) => Tensor.From<double>([.. Enumerable.Range(0, units).Select(_ => random.NextDouble(0.2, 1))]);
        Tensor Ones(int units) => Tensor.Ones([units], DType.Float64);
        var (first, second) = (Factor(12), Factor(24));
        var factors = new UnitFactors(first, [.. net.Blocks.Select(b => Ones(b.Heads * b.QkDim))], [.. net.Blocks.Select(b => Ones(b.MlpHidden))]) { Stages = [(2, second)] };
        using var folded = new VitModel(net, model.Preprocessing, Folding.Apply(model.Weights, factors, allWrites: true));
        using var noGrad = new NoGrad();
        var pixels = TestNets.Pixels(net, 2, 5).To(DType.Float64);
        Tensor Masked(int block, Tensor branch) => branch * (block < 2 ? first : second);
        var x = model.Blocks(model.Embed(pixels) * first, 0, 2, Masked);
        x = model.Downsample(2, x) * second;
        x = model.AfterMlp(2, model.AfterAttention(2, x, Masked), Masked);
        x = model.Blocks(x, 3, net.Depth, Masked);
        Distance(folded.Answer(pixels), model.Head(model.Norm(x))).ShouldBeLessThan(1e-10);
    }

    [Fact]
    public void Folding_factors_is_masking_activations()
    {
        var random = new SeededRandom(4);
        using var model = Double(Net(random), 7);
        var pixels = TestNets.Pixels(model.Architecture, 2, 5).To(DType.Float64);
        var factors = Factors(model.Architecture, random);
        using var folded = new VitModel(model.Architecture, model.Preprocessing, Folding.Apply(model.Weights, factors, allWrites: true));
        Distance(folded.Answer(pixels), Forward(model, factors, pixels)).ShouldBeLessThan(1e-10);
        using var input = new VitModel(model.Architecture, model.Preprocessing, Folding.Apply(model.Weights, factors, allWrites: false));
        Distance(input.Answer(pixels), folded.Answer(pixels)).ShouldBeGreaterThan(1e-3);
    }

    [Fact]
    public void Folding_passes_gradients_to_weights_and_factors()
    {
        var random = new SeededRandom(4);
        using var model = Double(VitArchitecture.Uniform("t", 4, 2, 1, 6, 1, 2, 3), 7);
        var pixels = TestNets.Pixels(model.Architecture, 2, 5).To(DType.Float64);
        var factors = Factors(model.Architecture, random);
        Tensor[] leaves = [factors.Embed, factors.Attention[0], factors.Mlp[0], model.Weights["blocks.0.attn.qkv.weight"]];
        foreach (var leaf in leaves) leaf.RequiresGrad = true;
        var exact = Autograd.Gradients(Loss(), leaves);
        for (var k = 0; k < leaves.Length; k++)
        {
            var gradient = exact[k]!.ToArray<double>();
            foreach (var at in new[] { 0, gradient.Length - 1 })
            {
                using var noGrad = new NoGrad();
                var values = leaves[k].Detach().Span<double>();
                var here = values[at];
                double At(double moved)
                {
                    leaves[k].Detach().Span<double>()[at] = here + moved;
                    return Loss().Item();
                }
                var difference = (At(1e-5) - At(-1e-5)) / 2e-5;
                At(0);
                gradient[at].ShouldBe(difference, 1e-4 * Math.Max(1e-3, Math.Abs(difference)));
            }
        }

        Tensor Loss()
        {
            using var folded = new VitModel(model.Architecture, model.Preprocessing, Folding.Apply(model.Weights, factors, allWrites: true));
            return folded.Logits(pixels).Pow(2).Sum();
        }
    }

    [Fact]
    public void Fused_gains_change_no_logit_and_are_gone()
    {
        using var model = TestNets.Model(SearchSpaceTests.Toy, 3);
        var space = SearchSpace.Of(model.Architecture);
        using var net = Supernet.Create(space, model.Clone(), pmim: true, seed: 5);
        net.Shrink([.. space.Tables.Select(t => t.Only(t.Count / 2))], lambda: 0.1);
        net.IsDecided.ShouldBeTrue();
        net.Extra.Keys.ShouldAllBe(name => name.StartsWith("gain."));
        var gains = net.Extra.Values.SelectMany(g => g.ToArray<float>()).ToList();
        gains.ShouldAllBe(g => g > 0.9 && g < 1);
        gains.Count.ShouldBe(net.Tables.Sum(t => t.Units));
        var pixels = TestNets.Pixels(model.Architecture, 4, 9);
        using var before = new VitModel(net.Model.Architecture, model.Preprocessing, Folding.Apply(net.Model.Weights, net.Masks(0.5).Factors, allWrites: true));
        var logits = before.Answer(pixels);
        net.Fuse(allWrites: true);
        Distance(net.Model.Answer(pixels), logits).ShouldBeLessThan(1e-4);
        net.Extra.Count.ShouldBe(0);
        VitCost.Of(net.Model.Architecture).Parameters.ShouldBe(net.Model.Weights.Values.Sum(t => t.Count));
    }

    [Fact]
    public void A_state_tensor_is_cut_as_its_parameter_is()
    {
        using var model = TestNets.Model(SearchSpaceTests.Toy, 3);
        var space = SearchSpace.Of(model.Architecture);
        using var net = Supernet.Create(space, model.Clone(), pmim: true, seed: 5);
        // The parameters' own values as state: after the cut, the carried state must be the cut parameter.
        var states = net.Model.Weights.Concat(net.Extra).ToDictionary(t => t.Key, t => t.Value.Clone());
        var carry = net.Shrink([.. space.Tables.Select(t => t.Without([t.Count - 1]))], lambda: 0.5);
        foreach (var (name, tensor) in net.Model.Weights.Concat(net.Extra))
        {
            if (name.StartsWith("alpha.")) carry(name, states[name]).ShouldBeNull();
            else carry(name, states[name])!.BitEquals(tensor).ShouldBeTrue(name);
        }
        net.Tables[0].Units.ShouldBe(62);
        net.Extra["decoder.weight"].Shape.ShouldBe([16, 62]);
    }

    private static VitArchitecture Net(SeededRandom random)
    {
        var heads = random.NextInt(2, 5);
        var net = VitArchitecture.Uniform("t", 8, 4, 1, heads * 8, random.NextInt(1, 4), heads, 5, random.NextInt(8, 40));
        return net with { LayerNormEps = 1e-6 };
    }

    private static VitModel Double(VitArchitecture net, ulong seed)
    {
        using var model = TestNets.Model(net, seed);
        var weights = new Weights();
        foreach (var (name, tensor) in model.Weights) weights.Set(name, tensor.To(DType.Float64));
        return new VitModel(net, model.Preprocessing, weights);
    }

    private static UnitFactors Factors(VitArchitecture net, SeededRandom random)
    {
        Tensor Some(int count) => Tensor.From<double>([.. Enumerable.Range(0, count).Select(_ => random.NextDouble(0.2, 1.2))]);
        return new(Some(net.EmbedDim), [.. net.Blocks.Select(b => Some(b.Heads * b.QkDim))], [.. net.Blocks.Select(b => Some(b.MlpHidden))]);
    }

    // One candidate of each kind that is cut, and the units random scores give it.
    private static ImmutableArray<(Submodule Of, int Heads, int[] Units)> Choose(VitArchitecture net, UnitKind[] kinds, SeededRandom random) =>
        [.. SearchSpace.Of(net).Submodules.Select(s =>
        {
            var candidate = kinds.Contains(s.Kind) ? random.NextInt(s.Table.Count - 1) : s.Table.Count - 1;
            var ranking = new UnitRanking([.. Enumerable.Range(0, s.Table.Units).Select(_ => random.NextGaussian())], s.Table.MostHeads);
            return (s, s.Table.HeadsOf(candidate), ranking.Kept(s.Table.HeadsOf(candidate), s.Table.DimsOf(candidate)));
        })];

    private static VitModel Cut(VitModel model, ImmutableArray<(Submodule Of, int Heads, int[] Units)> kept)
    {
        var result = model.Clone();
        foreach (var (submodule, heads, units) in kept)
        {
            using var before = result;
            result = submodule.Kind switch
            {
                UnitKind.Embedding => before.KeepEmbedding(units),
                UnitKind.HeadChannels => before.KeepHeadChannels(submodule.Block, heads, units),
                _ => before.KeepHidden(submodule.Block, units),
            };
        }
        return result;
    }

    private static Tensor Masked(VitModel model, ImmutableArray<(Submodule Of, int Heads, int[] Units)> kept, Tensor pixels, bool normOverKept)
    {
        Tensor Mask((Submodule Of, int Heads, int[] Units) k) => Tensor.From<double>(
            [.. Enumerable.Range(0, k.Of.Table.Units).Select(u => k.Units.Contains(u) ? 1.0 : 0)]);
        var factors = new UnitFactors(Mask(kept[0]), [.. kept.Where(k => k.Of.Kind == UnitKind.HeadChannels).Select(Mask)],
            [.. kept.Where(k => k.Of.Kind == UnitKind.Hidden).Select(Mask)]);
        return Forward(model, factors, pixels, plainNorm: !normOverKept);
    }

    // The network written out with masks on activations; norms are over the channels whose factor is not 0.
    private static Tensor Forward(VitModel model, UnitFactors f, Tensor pixels, bool plainNorm = false)
    {
        using var noGrad = new NoGrad();
        var (net, w) = (model.Architecture, model.Weights);
        var alive = plainNorm ? Tensor.Ones([net.EmbedDim], DType.Float64) : 1.0 - f.Embed.EqualTo(Tensor.Zeros([1], DType.Float64)).To(DType.Float64);
        var count = alive.Sum();
        var x = model.Embed(pixels) * f.Embed;
        for (var i = 0; i < net.Depth; i++)
        {
            var (p, b) = ($"blocks.{i}.", net.Blocks[i]);
            var u = Norm(x, p + "norm1");
            var parts = u.Linear(w[p + "attn.qkv.weight"], w[p + "attn.qkv.bias"]).Split([b.Heads * b.QkDim, b.Heads * b.QkDim, b.Heads * b.QkDim], -1);
            var (q, k, v) = (Heads(parts[0] * f.Attention[i], b), Heads(parts[1] * f.Attention[i], b), Heads(parts[2] * f.Attention[i], b));
            var mixed = (q.MatMul(k.Transpose(-1, -2)) * (1 / Math.Sqrt(b.QkDim))).Softmax(-1).MatMul(v).Transpose(1, 2);
            x += mixed.Reshape(x.Size(0), x.Size(1), -1).Linear(w[p + "attn.proj.weight"], w[p + "attn.proj.bias"]) * f.Embed;
            var hidden = Norm(x, p + "norm2").Linear(w[p + "mlp.fc1.weight"], w[p + "mlp.fc1.bias"]) * f.Mlp[i];
            x += hidden.Gelu().Linear(w[p + "mlp.fc2.weight"], w[p + "mlp.fc2.bias"]) * f.Embed;
        }
        return Norm(x, "norm").Select(1, 0).Linear(w["head.weight"], w["head.bias"]);

        Tensor Norm(Tensor t, string name)
        {
            var mean = (t * alive).Sum([-1], keepDim: true) / count;
            var variance = ((t - mean).Pow(2) * alive).Sum([-1], keepDim: true) / count;
            return ((t - mean) / (variance + net.LayerNormEps).Sqrt() * w[name + ".weight"] + w[name + ".bias"]) * alive;
        }

        static Tensor Heads(Tensor t, VitBlock b) => t.Reshape(t.Size(0), t.Size(1), b.Heads, b.QkDim).Transpose(1, 2);
    }
}
