using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>A Vision Transformer with its tensors (timm names). It owns them.</summary>
public sealed class VitModel(VitArchitecture architecture, Preprocessing preprocessing, Weights weights) : IDisposable
{
    public VitArchitecture Architecture { get; } = architecture;

    public Preprocessing Preprocessing { get; } = preprocessing;

    public Weights Weights { get; } = weights;

    /// <summary>Where the tensors live.</summary>
    public string Device => Weights["patch_embed.proj.weight"].Device;

    /// <summary>A deep copy, without gradients, optionally under another architecture record of the same tensors.</summary>
    public VitModel Clone() => new(Architecture, Preprocessing, Weights.Clone());

    /// <summary>Names of the tensors of one block.</summary>
    public IEnumerable<string> BlockTensors(int block) =>
        Weights.Keys.Where(name => name.StartsWith($"blocks.{block}.", StringComparison.Ordinal));

    public void Dispose() => Weights.Dispose();
}
