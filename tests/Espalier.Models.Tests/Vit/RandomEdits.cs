using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>Edited networks for property tests.</summary>
internal static class RandomEdits
{
    /// <summary>A random small network after one random edit a block; the same seed gives the same one.</summary>
    public static VitModel Model(ulong seed, bool family = false)
    {
        var random = new SeededRandom(seed, "edits");
        var net = family ? FamilyNets.Random(random) : TestNets.Net(random);
        if (!family && random.NextBool()) net = TestNets.Narrowed(net, random);
        var model = TestNets.Model(net, seed);
        for (var block = 0; block < net.Depth; block++)
            using (var before = model) model = Edit(before, block, random);
        return model;
    }

    /// <summary>Distinct ascending hidden units of a block, between one and all.</summary>
    public static int[] Units(VitModel model, int block, SeededRandom random)
    {
        var hidden = model.Architecture.Blocks[block].MlpHidden;
        return [.. random.Choose(hidden, random.NextInt(1, hidden)).Order()];
    }

    /// <summary>The model without the block's attention and with a token mixer of noise in its place.</summary>
    public static VitModel Mix(VitModel model, int block, SeededRandom random)
    {
        using var noGrad = new NoGrad();
        using var without = model.RemoveAttention(block);
        var mixed = without.AddMixer(block, random.NextInt(0, 5));
        foreach (var name in mixed.BlockTensors(block).Where(n => n.Contains(".mixer."))) mixed.Weights[name].UniformInPlace(-0.5, 0.5);
        return mixed;
    }

    private static VitModel Edit(VitModel model, int block, SeededRandom random)
    {
        switch (random.NextInt(8))
        {
            case 0: return model.RemoveAttention(block);
            case 1: return model.RemoveMlp(block);
            case 2: return model.DropBlock(block);
            case 3: return model.ReplaceByLinear(block);
            case 4: return model.KeepHidden(block, Units(model, block, random));
            case 5: return model.SetNormEps(block, 1e-5);
            case 6: return Mix(model, block, random);
            default:
                using (var without = model.RemoveAttention(block)) return without.KeepHidden(block, Units(without, block, random));
        }
    }
}
