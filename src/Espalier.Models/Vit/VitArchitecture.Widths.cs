namespace Espalier.Models.Vit;

/// <content>The widths of a block, one by one.</content>
public sealed partial record VitArchitecture
{
    public override string Prefix(int block) => $"blocks.{block}.";

    // Queries and keys that are normalised over a head's dimensions would not be the same with fewer.
    public override IEnumerable<WidthKind> Widths(int block)
    {
        var shape = Blocks[block];
        if (shape.IsLinear) yield break;
        if (shape is { HasAttention: true, QkNorm: false }) yield return WidthKind.QueryKey;
        if (shape.HasAttention) yield return WidthKind.Value;
        if (shape.HasMlp) yield return WidthKind.Hidden;
    }

    public override int Width(int block, WidthKind kind) => kind switch
    {
        WidthKind.QueryKey => Blocks[block].QkDim,
        WidthKind.Value => Blocks[block].VDim,
        WidthKind.Tokens => -Blocks[block].TokensMerged,
        _ => Blocks[block].MlpHidden,
    };

    /// <inheritdoc/>
    /// <remarks>The factor on the logits stays what it was.</remarks>
    public override VitArchitecture WithWidth(int block, WidthKind kind, int width)
    {
        var shape = Blocks[block];
        return With(block, kind switch
        {
            WidthKind.QueryKey => shape with
            {
                QkDim = width,
                AttentionScale = shape.AttentionScale ?? (width == shape.QkDim ? null : 1 / Math.Sqrt(shape.QkDim)),
            },
            WidthKind.Value => shape with { VDim = width },
            WidthKind.Tokens => shape with { TokensMerged = -width },
            _ => shape with { MlpHidden = width },
        });
    }

    public override bool IsBlockLike(Architecture other, int block) =>
        other is VitArchitecture vit && vit.WidthOf(block) == WidthOf(block) && Form(vit.Blocks[block]) == Form(Blocks[block]);

    private static (int, int, int, int, int, int, bool, bool) Form(VitBlock block) =>
        (block.Heads, block.QkDim, block.VDim, block.MlpHidden, block.Window, block.DownsampleDim, block.IsLinear, block.GatedMlp);

    private VitArchitecture With(int block, VitBlock shape) => this with { Blocks = Blocks.SetItem(block, shape) };
}
