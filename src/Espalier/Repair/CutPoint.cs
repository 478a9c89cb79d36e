using Espalier.Models.Vit;

namespace Espalier.Repair;

/// <summary>The half of a block a cut concerns.</summary>
public enum CutPart
{
    Attention,
    Mlp,
}

/// <summary>A place where a walk is about to cut.</summary>
/// <param name="Block">Index of the block.</param>
/// <param name="Part">Which half of it.</param>
/// <param name="From">Widths before the cut.</param>
/// <param name="Target">Widths wanted.</param>
/// <param name="Cut">Cuts to any widths between and repairs: the student up to here with that block; the caller disposes it.</param>
public sealed record CutPoint(int Block, CutPart Part, VitBlock From, VitBlock Target, Func<VitBlock, VitModel> Cut);
