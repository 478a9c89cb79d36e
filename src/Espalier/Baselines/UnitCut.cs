using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Baselines;

/// <summary>
/// Which units of a width stay, told from the weights alone: no image is looked at, unlike where a repair follows
/// (<see cref="Repair.RepairUnitChoice"/>).
/// </summary>
public enum UnitRule
{
    /// <summary>Those whose weights are largest: all that goes in and comes out of a unit, as one vector.</summary>
    Magnitude,
    /// <summary>Any, by the seed.</summary>
    Random,
}

/// <summary>Cuts widths unit by unit, without looking at any image; the tensors of what stays are what they were.</summary>
/// <param name="rule">Which units stay.</param>
/// <param name="seed">Decides <see cref="UnitRule.Random"/>.</param>
public sealed class UnitCut(UnitRule rule, ulong seed)
{
    /// <summary>The network with the widths of <paramref name="target"/>, of whatever family; the given one stays as it is.</summary>
    public Model Apply(Model model, Architecture target) => model is CnnModel cnn
        ? Enumerable.Range(0, target.Depth).Aggregate(cnn.Clone(), (student, i) => student.Then(s => Narrowed(s, i, ((CnnArchitecture)target).Blocks[i].Hidden)))
        : Apply((VitModel)model, (VitArchitecture)target);

    /// <summary>The network with the widths of <paramref name="target"/>; the given one stays as it is.</summary>
    /// <param name="model">The network.</param>
    /// <param name="target">The same network, with q/k and v dimensions and hidden units as they shall be.</param>
    public VitModel Apply(VitModel model, VitArchitecture target)
    {
        using var noGrad = new NoGrad();
        var student = model.Clone();
        for (var i = 0; i < target.Depth; i++)
        {
            var (block, goal) = (student.Architecture.Blocks[i], target.Blocks[i]);
            if ((goal.QkDim, goal.VDim) != (block.QkDim, block.VDim)) student = student.Then(s => CutHeads(s, i, goal));
            if (goal.MlpHidden != block.MlpHidden) student = student.Then(s => s.KeepHidden(i, Kept(HiddenScores(s, i), 1, goal.MlpHidden, "hidden", i)));
        }
        return student;
    }

    /// <summary>The network with one convolutional block at <paramref name="hidden"/> inner channels.</summary>
    public CnnModel Narrowed(CnnModel model, int block, int hidden)
    {
        if (hidden == model.Architecture.Blocks[block].Hidden) return model.Clone();
        var (last, first) = Channels(model, block, hidden);
        return model.KeepHidden(block, last, first);
    }

    /// <summary>Inner channels of a convolutional block that stay, ascending.</summary>
    /// <returns>Those that enter its last convolution; and of a bottleneck those that enter the middle one, else none.</returns>
    public (int[] Last, int[] First) Channels(CnnModel model, int block, int keep)
    {
        var (last, first) = ChannelScores(model, block);
        return (Kept(last, 1, keep, "channels", block), first is null ? [] : Kept(first, 1, keep, "channels in the middle", block));
    }

    /// <summary>
    /// ‖(its filter, what the next convolution has for it)‖² of each inner channel, with the depthwise filter between them. As in the first filter pruning
    /// (Li et al., ICLR 2017) weights count as they stand, without the norms behind them.
    /// </summary>
    /// <returns>Of the channels ahead of the last convolution; and of a bottleneck of those ahead of the middle one, else null.</returns>
    public static (float[] Last, float[]? First) ChannelScores(CnnModel model, int block)
    {
        using var scope = new TensorScope();
        var convolutions = model.Convolutions(block);
        if (model.Architecture.Blocks[block].Kind == CnnBlockKind.Bottleneck)
            return ((Filters(convolutions[1]) + Columns(convolutions[2])).ToArray<float>(), (Filters(convolutions[0]) + Columns(convolutions[1])).ToArray<float>());
        return (convolutions[..^1].Aggregate(Columns(convolutions[^1]), (sum, w) => sum + Filters(w)).ToArray<float>(), null);

        static Tensor Filters(Tensor w) => Squares(w).Sum([1, 2, 3]);
        static Tensor Columns(Tensor w) => Squares(w).Sum([0, 2, 3]);
    }

    /// <summary>‖(row of fc1, its bias, column of fc2)‖² of each hidden unit; both rows of one in a gated MLP.</summary>
    public static float[] HiddenScores(VitModel model, int block)
    {
        using var scope = new TensorScope();
        var (p, w) = ($"blocks.{block}.mlp.", model.Weights);
        var rows = Rows(w[p + "fc1.weight"], w[p + "fc1.bias"]).Reshape(-1, model.Architecture.Blocks[block].MlpHidden).Sum([0]);
        return (rows + Squares(w[p + "fc2.weight"]).Sum([0])).ToArray<float>();
    }

    /// <summary>
    /// ‖(row of q, row of k, their biases)‖² of each q/k dimension and ‖(row of v, its bias, column of the projection)‖² of each v dimension, head
    /// by head.
    /// </summary>
    public static (float[] QueryKey, float[] Value) HeadScores(VitModel model, int block)
    {
        using var scope = new TensorScope();
        var (b, p, w) = (model.Architecture.Blocks[block], $"blocks.{block}.attn.", model.Weights);
        var rows = Rows(w[p + "qkv.weight"], b.QkvBias ? w[p + "qkv.bias"] : null).Split([b.Heads * b.QkDim, b.Heads * b.QkDim, b.Heads * b.VDim], 0);
        return ((rows[0] + rows[1]).ToArray<float>(), (rows[2] + Squares(w[p + "proj.weight"]).Sum([0])).ToArray<float>());
    }

    private VitModel CutHeads(VitModel model, int i, VitBlock goal)
    {
        using var scope = new TensorScope();
        var (block, p, w) = (model.Architecture.Blocks[i], $"blocks.{i}.attn.", model.Weights);
        var (scores, valueScores) = HeadScores(model, i);
        var queryKey = Kept(scores, block.Heads, goal.QkDim, "query and key", i);
        var value = Kept(valueScores, block.Heads, goal.VDim, "value", i);
        var all = block.Heads * block.QkDim;
        int[] rows = [.. queryKey, .. queryKey.Select(u => all + u), .. value.Select(u => 2 * all + u)];
        var bias = block.QkvBias ? w[p + "qkv.bias"].IndexSelect(0, rows) : Tensor.Zeros([rows.Length], device: model.Device);
        return model.ReplaceAttention(i, block.Heads, goal.QkDim, goal.VDim, (w[p + "qkv.weight"].IndexSelect(0, rows), bias),
            (w[p + "proj.weight"].IndexSelect(1, value), w[p + "proj.bias"]));
    }

    // As many of every head; of equal ones the first.
    private int[] Kept(float[] scores, int heads, int kept, string what, int block)
    {
        var dim = scores.Length / heads;
        return [.. Enumerable.Range(0, heads).SelectMany(h => (rule == UnitRule.Random
            ? new SeededRandom(seed, "units", what, block, h).Choose(dim, kept)
            : Enumerable.Range(0, dim).OrderByDescending(c => scores[h * dim + c]).Take(kept)).Order().Select(c => h * dim + c))];
    }

    private static Tensor Rows(Tensor weight, Tensor? bias) => bias is null ? Squares(weight).Sum([1]) : Squares(weight).Sum([1]) + Squares(bias);

    private static Tensor Squares(Tensor x) => x * x;
}
