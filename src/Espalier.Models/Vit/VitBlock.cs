namespace Espalier.Models.Vit;

/// <summary>What is left of a transformer block.</summary>
public enum BlockKind
{
    /// <summary>Attention and MLP.</summary>
    Full,
    /// <summary>MLP only: LN1 and the attention are gone; a token mixer may stand in for them.</summary>
    FfnOnly,
    /// <summary>Attention only: LN2 and the MLP are gone.</summary>
    AttnOnly,
    /// <summary>One D×D linear layer with bias and no residual, in place of the block.</summary>
    Linear,
    /// <summary>Nothing: the block passes its input on.</summary>
    Dropped,
}

/// <summary>The spelling of <see cref="BlockKind"/> in files and output.</summary>
public static class BlockKinds
{
    /// <summary>The kind as every JSON document spells it: <c>full, ffn_only, attn_only, linear, dropped</c>.</summary>
    public static string JsonName(this BlockKind kind) => kind switch
    {
        BlockKind.Full => "full",
        BlockKind.FfnOnly => "ffn_only",
        BlockKind.AttnOnly => "attn_only",
        BlockKind.Linear => "linear",
        BlockKind.Dropped => "dropped",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}

/// <summary>The widths of one pre-norm block. Editing a model means replacing these records and slicing its tensors alike.</summary>
public sealed record VitBlock
{
    /// <summary>Attention heads; 0 when the attention is gone.</summary>
    public int Heads { get; init; }

    /// <summary>Query and key width per head; 0 when the attention is gone.</summary>
    public int QkDim { get; init; }

    /// <summary>Value width per head; 0 when the attention is gone.</summary>
    public int VDim { get; init; }

    /// <summary>Hidden units of the MLP; 0 when the MLP is gone.</summary>
    public int MlpHidden { get; init; }

    /// <summary>
    /// Whether the MLP is gated (SwiGLU): <c>fc1</c> makes a gate and a value of each hidden unit, all gates first, and fc2 reads silu(gate)·value.
    /// </summary>
    public bool GatedMlp { get; init; }

    /// <summary>Outputs of <c>fc1</c>.</summary>
    public int MlpRows => GatedMlp ? 2 * MlpHidden : MlpHidden;

    /// <summary>True when the block is one D×D linear layer (tensor <c>blocks.i.linear</c>).</summary>
    public bool IsLinear { get; init; }

    /// <summary>Factor on QKᵀ; null means 1/√<see cref="QkDim"/>. Set when q/k dims were cut and the original scale must stay.</summary>
    public double? AttentionScale { get; init; }

    /// <summary>LayerNorm epsilon of this block; null means the model's.</summary>
    public double? NormEps { get; init; }

    /// <summary>
    /// Rank r of the token mixer that stands in for the removed attention: before the MLP, every token gets the bias of its position
    /// and the same low-rank function of the mean token. 0: the bias alone; null: no mixer.
    /// </summary>
    public int? MixerRank { get; init; }

    /// <summary>
    /// Tokens merged into others between the attention and the MLP, see <see cref="TokenMerging"/>: the MLP and all later blocks
    /// see as many fewer. 0 in a block without attention.
    /// </summary>
    public int TokensMerged { get; init; }

    /// <summary>
    /// Side of the windows the attention stays within, in tokens (Swin); 0 when it sees all tokens. Its logits get a bias by relative position,
    /// <c>attn.relative_position_bias_table</c> [(2·Window − 1)², heads].
    /// </summary>
    public int Window { get; init; }

    /// <summary>Tokens by which the windows are shifted, below <see cref="Window"/>; without effect where one window covers the grid.</summary>
    public int Shift { get; init; }

    /// <summary>
    /// When patch merging stands before the block (<c>downsample</c>, Swin: four neighbours become one token), the width D it makes, which
    /// later blocks keep; 0 when none stands there. It is no part of the block and stays when the block goes.
    /// </summary>
    public int DownsampleDim { get; init; }

    /// <summary>Whether the q/k/v projection has a bias.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Whether queries and keys of every head are normalised (<c>attn.q_norm</c>, <c>attn.k_norm</c>); q/k dims cannot be cut then.</summary>
    public bool QkNorm { get; init; }

    /// <summary>Whether the branches that are there are scaled by a factor a channel (<c>ls1.gamma</c>, <c>ls2.gamma</c>).</summary>
    public bool LayerScale { get; init; }

    public bool HasAttention => Heads > 0;

    public bool HasMlp => MlpHidden > 0;

    public bool HasMixer => MixerRank is not null;

    public bool HasWindows => Window > 0;

    /// <summary>The block with nothing left of it.</summary>
    public VitBlock Emptied() => new() { DownsampleDim = DownsampleDim };

    /// <summary>Whether a token mixer may stand in the block: the attention is gone and the MLP is not.</summary>
    public bool TakesMixer => Kind == BlockKind.FfnOnly;

    public BlockKind Kind => IsLinear ? BlockKind.Linear
        : HasAttention ? (HasMlp ? BlockKind.Full : BlockKind.AttnOnly)
        : HasMlp ? BlockKind.FfnOnly : BlockKind.Dropped;
}
