using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Repair;

/// <summary>The walk through a Vision Transformer: in every block first the attention is cut and repaired, then the MLP.</summary>
/// <param name="teacher">The original network.</param>
/// <param name="calibration">The images.</param>
/// <param name="sensitivity">What errors cost.</param>
/// <param name="options">Switches.</param>
public sealed class VitRepairPass(VitModel teacher, Calibration calibration, Sensitivity sensitivity, RepairOptions options)
    : RepairPass(teacher, calibration, sensitivity, options)
{
    /// <inheritdoc cref="RepairPass.Run"/>
    /// <param name="student">The teacher itself, or a network derived from it.</param>
    /// <param name="target">Widths of every block, none above the student's; a mixer where an attention goes.</param>
    /// <param name="cancellation">Stops between two batches of images.</param>
    public VitModel Run(VitModel student, VitArchitecture target, CancellationToken cancellation = default) => (VitModel)base.Run(student, target, cancellation);

    private protected override void Block(ref Model student, int i, Architecture goal, TokenStream tokens, TokenStream wanted, CancellationToken cancellation)
    {
        var (before, target) = ((VitModel)student, ((VitArchitecture)goal).Blocks[i]);
        var block = before.Architecture.Blocks[i];
        if (block.LayerScale)
            throw new ArgumentException($"Block {i} has layer scales; call FoldLayerScale first, as only the layers before them are solved.");
        if (block.IsLinear && target.IsLinear)
        {
            // Nothing of it can be cut or solved; it only passes on.
            var linear = (VitModel)student;
            wanted.Advance(x => teacher.Blocks(x, i, i + 1), cancellation);
            tokens.Advance(x => linear.Blocks(x, i, i + 1), cancellation);
            return;
        }
        if (block.IsLinear)
            throw new ArgumentException($"Block {i} is a linear layer; only attention and MLPs can be repaired.");
        if (teacher.Architecture.Blocks[i].DownsampleDim > 0)
        {
            wanted.Advance(x => teacher.Downsample(i, x), cancellation);
            tokens.Advance(x => before.Downsample(i, x), cancellation);
        }
        using var halfway = wanted.Through(x => teacher.AfterAttention(i, x), cancellation);
        wanted.AdvanceFrom(halfway, x => teacher.AfterMlp(i, x), cancellation);

        if (target.Kind == BlockKind.Dropped)
        {
            student = student.Then(s => ((VitModel)s).DropBlock(i));
            return;
        }
        if (block.HasAttention)
            student = student.Then(s =>
            {
                if (!target.HasAttention) return WithoutAttention((VitModel)s, i, target, tokens, halfway, Layer(Sensitivity.AfterAttention(i), $"mixer {i}", cancellation));
                var (end, counts) = target.HasMlp ? (halfway, Sensitivity.AfterAttention(i)) : (wanted, Sensitivity.AfterBlock(i));
                using var repair = new AttentionRepair((VitModel)s, i, tokens, end, Layer(counts, $"attention {i}", cancellation, absorbs: block.HasMlp && !target.HasMlp));
                return Cut(i, "attn.", goal, [WidthKind.QueryKey, WidthKind.Value], repair.Cut);
            });
        else if (block.HasMixer && Options is { Solve: true, RefitWhole: true })
            student = student.Then(s => MixerRepair.Refit((VitModel)s, i, tokens, halfway, Layer(Sensitivity.AfterAttention(i), $"mixer {i}", cancellation)));
        var half = (VitModel)student;
        tokens.Advance(x => half.AfterAttention(i, x), cancellation);

        if (block.HasMlp)
            student = student.Then(s =>
            {
                if (!target.HasMlp) return ((VitModel)s).RemoveMlp(i);
                using var repair = new MlpRepair((VitModel)s, i, tokens, wanted, Layer(Sensitivity.AfterBlock(i), $"mlp {i}", cancellation, absorbs: block.HasAttention && !target.HasAttention));
                return Cut(i, "mlp.", goal, [WidthKind.Hidden], shape => repair.Cut(shape.MlpHidden));
            });
        var whole = (VitModel)student;
        tokens.Advance(x => whole.AfterMlp(i, x), cancellation);
    }

    private Model Cut(int i, string part, Architecture target, WidthKind[] widths, Func<VitBlock, VitModel> cut)
    {
        Model To(Architecture net) => cut(((VitArchitecture)net).Blocks[i]);
        OnCut?.Invoke(new CutPoint(i, [.. widths], target.Prefix(i) + part, target, To));
        return To(target);
    }

    private static VitModel WithoutAttention(VitModel student, int i, VitBlock target, TokenStream tokens, TokenStream wanted, LayerRepair layer) =>
        target.MixerRank is { } rank ? MixerRepair.Run(student, i, rank, tokens, wanted, layer) : student.RemoveAttention(i);
}
