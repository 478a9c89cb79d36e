using System.Collections.Immutable;
using Espalier.Models.Vit;

namespace Espalier.SearchSpaces;

/// <summary>
/// One submodule and the sizes it may be cut to: OFB weighs all of them at once, unit by unit. A single width that is free to take any size is a
/// <see cref="Widths.Knob"/>.
/// </summary>
/// <param name="Kind">What is searched in it: a width for the whole network or one stage of it, an attention or an MLP of a block.</param>
/// <param name="Block">Its block; of a width the first one of its stage, -1 for the embedding.</param>
/// <param name="Table">Its candidates.</param>
public sealed record Submodule(UnitKind Kind, int Block, CandidateTable Table)
{
    /// <summary>How files and messages call it: <c>embed</c>, <c>blocks.3.attn</c>, <c>blocks.3.mlp</c>.</summary>
    public string Name => Kind switch
    {
        UnitKind.Embedding => Block < 0 ? "embed" : $"blocks.{Block}.embed",
        UnitKind.HeadChannels => $"blocks.{Block}.attn",
        _ => $"blocks.{Block}.mlp",
    };
}

/// <summary>All submodules of a network, in the order in which they are pruned: the embedding, then attention and MLP block by block; so for every stage.</summary>
public sealed record SearchSpace(VitArchitecture Net, ImmutableArray<Submodule> Submodules)
{
    /// <summary>The search space of a plain ViT or a Swin.</summary>
    /// <param name="net">Its blocks may differ in width, but must be whole.</param>
    /// <param name="fixedEmbed">Keep all residual channels.</param>
    /// <exception cref="UsageException">It is neither, a block lost its attention or MLP, or its query and value widths differ.</exception>
    public static SearchSpace Of(VitArchitecture net, bool fixedEmbed = false)
    {
        if (!net.IsPlain) throw new UsageException($"{net.Name} is no plain ViT (one class token, biases, no further norms or scales) or Swin, and ofb searches no other.");
        var submodules = ImmutableArray.CreateBuilder<Submodule>();
        for (var i = 0; i < net.Depth; i++)
        {
            var block = net.Blocks[i];
            if (block.Kind != BlockKind.Full || block.QkDim != block.VDim)
                throw new UsageException($"{net.Name}: block {i} is {block.Kind.JsonName()}{(block.QkDim != block.VDim ? " with different query and value widths" : "")}; "
                    + "ofb searches whole blocks whose queries, keys and values are alike, so give the model before it was compressed.");
            if (net.Stages.Contains(i))
                submodules.Add(new(UnitKind.Embedding, i > 0 ? i : -1, fixedEmbed ? CandidateTable.Decided(1, net.WidthOf(i)) : CandidateTable.Embed(net.WidthOf(i))));
            submodules.Add(new(UnitKind.HeadChannels, i, CandidateTable.Attention(block.Heads, block.QkDim)));
            submodules.Add(new(UnitKind.Hidden, i, CandidateTable.Mlp(block.MlpHidden)));
        }
        return new(net, submodules.ToImmutable());
    }

    /// <summary>The width a submodule reads: that of its stage, or for a width that of the stage before; -1 for the embedding.</summary>
    public int WidthFor(int submodule) => Enumerable.Range(0, submodule).LastOrDefault(k => Submodules[k].Kind == UnitKind.Embedding, -1);

    public ImmutableArray<CandidateTable> Tables => [.. Submodules.Select(s => s.Table)];
    /// <summary>Number of different networks, as a power of ten.</summary>
    public double Log10Size => Submodules.Sum(s => Math.Log10(s.Table.Count));

    /// <summary>The network whose submodules have the largest sizes of the given tables.</summary>
    public VitArchitecture Shape(IReadOnlyList<CandidateTable> tables) =>
        Chosen(tables, [.. tables.Select(t => t.Count - 1)]);

    /// <summary>The network with one candidate of each table.</summary>
    public VitArchitecture Chosen(IReadOnlyList<CandidateTable> tables, IReadOnlyList<int> candidates)
    {
        var net = Net;
        for (var s = 0; s < Submodules.Length; s++)
            net = With(net, Submodules[s], tables[s].HeadsOf(candidates[s]), tables[s].DimsOf(candidates[s]));
        return net;
    }

    // The factor on the logits of an attention stays what it was, however narrow the heads become.
    private static VitArchitecture With(VitArchitecture net, Submodule submodule, int heads, int dims)
    {
        if (submodule.Kind == UnitKind.Embedding) return net.WithWidth(submodule.Block, dims);
        var block = net.Blocks[submodule.Block];
        return net with
        {
            Blocks = net.Blocks.SetItem(submodule.Block, submodule.Kind == UnitKind.Hidden ? block with { MlpHidden = dims } : block with
            {
                Heads = heads, QkDim = dims, VDim = dims, AttentionScale = block.AttentionScale ?? (dims == block.QkDim ? null : 1 / Math.Sqrt(block.QkDim)),
            }),
        };
    }
}
