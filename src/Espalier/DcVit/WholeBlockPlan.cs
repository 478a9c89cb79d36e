using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.DcVit;

/// <summary>
/// From a target to a number of blocks, for the edits that have no width to choose: whole-block dropping (PRACTISE) and the ablations of
/// §1.3. Blocks are edited until the target is met, so the result may lie well below it.
/// </summary>
public sealed record WholeBlockPlan : Structure
{
    private readonly ImmutableArray<int> _hidden;

    internal WholeBlockPlan(VitArchitecture net, Limit limit, UniformBlocks blocks, BlockVariant variant, DcVitProfile profile)
        : base(net, limit, blocks.Indices)
    {
        (Variant, Profile) = (variant, profile);
        _hidden = [.. Candidates.Select(b => Shape(net.Blocks[b]).MlpHidden)];
    }

    public BlockVariant Variant { get; }

    public DcVitProfile Profile { get; }

    /// <summary>PRACTISE divides a distance by what the block saves; DC-ViT's candidates save about the same.</summary>
    public bool WeighsSavings { get; internal init; }

    /// <summary>Divided by what the block saves over what the one that saves least does, so that nothing changes where all are alike.</summary>
    public override double Weigh(int block, double metric) => !WeighsSavings ? metric
        : metric * ((double)Candidates.Min(b => Saving(b, _hidden)) / Saving(block, _hidden));

    private protected override IEnumerable<DcVitOption> Feasible() => Whole(_hidden);

    private protected override DcVitOption? Exactly(IReadOnlyCollection<int> blocks) =>
        blocks.Count != Count ? null : ChosenOption with { Cost = CostOf(blocks, _hidden) };

    private protected override Architecture Edit(Architecture net, int block, int units)
    {
        var vit = (VitArchitecture)net;
        return vit with { Blocks = vit.Blocks.SetItem(block, Shape(vit.Blocks[block])) };
    }

    private protected override PlanOption Tell(DcVitOption option) => new(option.Cost) { Blocks = option.Blocks };

    private protected override (string What, Cost Least, Cost Most, string Gap) Reach() =>
        ("Editing whole blocks cannot bring", Most(Candidates.Length, _hidden), Most(1, _hidden), "");

    // What the edit leaves of a block, as widths; BlockCompression cuts the tensors alike.
    private VitBlock Shape(VitBlock block) => Variant switch
    {
        BlockVariant.RemoveAttention => DcVitBlocks.Compress(block, block.MlpHidden, Profile),
        BlockVariant.RemoveMlp => block with { MlpHidden = 0 },
        BlockVariant.Identity => block.Emptied() with { IsLinear = true },
        _ => block.Emptied(),
    };
}
