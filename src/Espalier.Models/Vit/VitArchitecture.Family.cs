using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Models.Vit;

/// <content>What every family answers.</content>
public sealed partial record VitArchitecture
{
    public override string Family => "Vision Transformer";

    public override int Features => WidthOf(Depth);

    public override Cost Cost() => VitCost.Of(this);

    public override IEnumerable<TensorSpec> Tensors() => VitTensors.Expected(this);

    public override string FileName(string tensor) => VitTensors.FileName(this, tensor);

    public override IEnumerable<BlockFacts> BlockFacts() => Blocks.Zip(VitCost.OfBlocks(this), (block, cost) => new BlockFacts(block.Kind.JsonName(), cost)
    {
        Heads = block.Heads,
        QkDim = block.QkDim,
        VDim = block.VDim,
        MlpHidden = block.MlpHidden,
        MixerRank = block.MixerRank,
        TokensMerged = block.TokensMerged > 0 ? block.TokensMerged : null,
    });

    public override VitModel Create(Preprocessing preprocessing, Weights weights) => new(this, preprocessing, weights);

    public override VitModel Random(Preprocessing preprocessing, ulong seed) => VitInit.Random(this, preprocessing, seed);

    public override VitArchitecture At(int imageSize) => this.AtImageSize(imageSize);

    public override VitArchitecture Folded() => HasLayerScale ? WithBlocks(b => b with { LayerScale = false }) : this;

    public override bool IsSame(Architecture other) =>
        other is VitArchitecture vit && vit.Blocks.SequenceEqual(Blocks) && vit with { Blocks = Blocks } == this;

    internal override TimmFacts Timm() =>
        new(Pool == Pooling.Token ? "token" : "avg", "patch_embed.proj", DistHead ? ["head", "head_dist"] : [Staged ? "head.fc" : "head"]);

    internal override void Write(Utf8JsonWriter json) => ArchitectureJson.Write(json, this);

    public override IEnumerable<string> Traits()
    {
        if (Staged)
        {
            yield return $"stages of {string.Join(", ", Stages.Zip(Stages.Skip(1).Append(Depth), (from, to) => to - from))} blocks of width {string.Join(", ", Stages.Select(WidthOf))}";
            if (Blocks.Any(b => b.HasWindows)) yield return $"windows of {string.Join(" and ", Blocks.Where(b => b.HasWindows).Select(b => b.Window).Distinct())}";
        }
        else if (!ClassToken) yield return "no class token";
        if (DistToken) yield return DistHead ? "distillation token with a head of its own" : "distillation token";
        if (RegTokens > 0) yield return $"{RegTokens} registers";
        if (PrefixTokens > 0 && !EmbedPrefix) yield return "positions of patches only";
        if (Pool == Pooling.Average) yield return FcNorm ? "mean of patches, then norm" : "mean of patches";
        if (PreNorm) yield return "norm before the blocks";
        if (Blocks.Any(b => b.HasAttention && !b.QkvBias)) yield return "no q/k/v bias";
        if (Blocks.Any(b => b.QkNorm)) yield return "q/k norms";
        if (HasLayerScale) yield return "layer scale";
        if (Classes == 0) yield return "no head";
    }
}
