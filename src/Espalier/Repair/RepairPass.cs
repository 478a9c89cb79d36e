using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// One walk through the network: block after block is cut to its target and repaired on the student's own activations, towards the teacher's,
/// so that each solve also makes up for what earlier cuts left. With the student's own architecture as target it is a refit.
/// </summary>
/// <param name="teacher">The original network.</param>
/// <param name="calibration">The images.</param>
/// <param name="weights">What each token counts.</param>
/// <param name="options">Switches.</param>
public sealed class RepairPass(VitModel teacher, Calibration calibration, TokenWeights weights, RepairOptions options)
{
    /// <summary>Told after each block.</summary>
    public Action<int>? OnBlock { get; init; }

    /// <summary>
    /// Told before a part is cut, with the means to cut it otherwise at the price of a solve: for looking at the widths around the target.
    /// </summary>
    public Action<CutPoint>? OnCut { get; init; }

    /// <summary>The student cut to <paramref name="target"/> and repaired; the given one stays as it is.</summary>
    /// <param name="student">The teacher itself, or a network derived from it.</param>
    /// <param name="target">Widths of every block, none above the student's; a mixer where an attention goes.</param>
    /// <param name="cancellation">Stops between two batches of images.</param>
    public VitModel Run(VitModel student, VitArchitecture target, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var wanted = calibration.Embed(teacher, cancellation);
        using var tokens = calibration.Embed(student, cancellation);
        student = student.Clone();
        try
        {
            for (var i = 0; i < target.Depth; i++)
            {
                Block(ref student, i, target.Blocks[i], tokens, wanted, cancellation);
                OnBlock?.Invoke(i);
            }
            return student;
        }
        catch
        {
            student.Dispose();
            throw;
        }
    }

    // Leaves both streams behind the block. A cut student replaces the one before at once: whatever stops the walk, the caller frees it.
    private void Block(ref VitModel student, int i, VitBlock target, TokenStream tokens, TokenStream wanted, CancellationToken cancellation)
    {
        if (student.Architecture.Blocks[i].LayerScale)
            throw new ArgumentException($"Block {i} has layer scales; call FoldLayerScale first, as only the layers before them are solved.");
        if (student.Architecture.Blocks[i].IsLinear)
            throw new ArgumentException($"Block {i} is a linear layer; only attention and MLPs can be repaired.");
        var before = student;
        if (teacher.Architecture.Blocks[i].DownsampleDim > 0)
        {
            wanted.Advance(x => teacher.Downsample(i, x), cancellation);
            tokens.Advance(x => before.Downsample(i, x), cancellation);
        }
        using var halfway = wanted.Through(x => teacher.AfterAttention(i, x), cancellation);
        wanted.AdvanceFrom(halfway, x => teacher.AfterMlp(i, x), cancellation);

        if (target.Kind == BlockKind.Dropped)
        {
            student = Replace(student, s => s.DropBlock(i));
            return;
        }
        if (student.Architecture.Blocks[i].HasAttention)
            student = Replace(student, s =>
            {
                if (!target.HasAttention) return WithoutAttention(s, i, target, tokens, halfway, Layer(weights.AfterAttention(i), $"mixer {i}"));
                var (goal, counts) = target.HasMlp ? (halfway, weights.AfterAttention(i)) : (wanted, weights.AfterMlp(i));
                using var repair = new AttentionRepair(s, i, tokens, goal, Layer(counts, $"attention {i}"));
                return Cut(s, i, target, CutPart.Attention, repair.Cut);
            });
        else if (student.Architecture.Blocks[i].HasMixer && options is { Solve: true, RefitWhole: true })
            student = Replace(student, s => MixerRepair.Refit(s, i, tokens, halfway, Layer(weights.AfterAttention(i), $"mixer {i}")));
        var half = student;
        tokens.Advance(x => half.AfterAttention(i, x), cancellation);

        if (student.Architecture.Blocks[i].HasMlp)
            student = Replace(student, s =>
            {
                if (!target.HasMlp) return s.RemoveMlp(i);
                using var repair = new MlpRepair(s, i, tokens, wanted, Layer(weights.AfterMlp(i), $"mlp {i}"));
                return Cut(s, i, target, CutPart.Mlp, block => repair.Cut(block.MlpHidden));
            });
        var whole = student;
        tokens.Advance(x => whole.AfterMlp(i, x), cancellation);

        LayerRepair Layer(Tensor tokenWeights, string name) => new(calibration, options, tokenWeights, name, cancellation);
    }

    private VitModel Cut(VitModel from, int i, VitBlock target, CutPart part, Func<VitBlock, VitModel> cut)
    {
        if (OnCut is not null) OnCut(new CutPoint(i, part, from.Architecture.Blocks[i], target, cut));
        return cut(target);
    }

    private static VitModel WithoutAttention(VitModel student, int i, VitBlock target, TokenStream tokens, TokenStream wanted, LayerRepair layer) =>
        target.MixerRank is { } rank ? MixerRepair.Run(student, i, rank, tokens, wanted, layer) : student.RemoveAttention(i);

    private static VitModel Replace(VitModel model, Func<VitModel, VitModel> edit)
    {
        using (model) return edit(model);
    }
}
