namespace Espalier.DcVit;

/// <summary>What happens to a chosen block (§1.1 and the ablations of §1.3).</summary>
public enum BlockVariant
{
    /// <summary>DC-ViT: the attention goes, h hidden units of the MLP stay.</summary>
    Compress,
    /// <summary><c>rm_attn</c>: the attention goes, the whole MLP stays.</summary>
    RemoveAttention,
    /// <summary><c>rm_ffn</c>: the MLP goes, the attention stays.</summary>
    RemoveMlp,
    /// <summary><c>identity</c>: one D×D linear layer, initialised to the identity, without residual.</summary>
    Identity,
    /// <summary><c>drop</c>: the whole block goes (PRACTISE).</summary>
    Drop,
}

/// <summary>Which of the candidates are compressed.</summary>
public enum BlockChoice
{
    /// <summary>The method: those from which the network recovers best.</summary>
    Ranked,
    /// <summary>A control: the first ones.</summary>
    First,
    /// <summary>A control: the last ones.</summary>
    Last,
    /// <summary>A control: any, by the seed.</summary>
    Random,
}

/// <summary>
/// What the finetune of a compressed MLP starts from (<c>mlp_init</c>, §1.2): which hidden units stay, and whether with their weights. The words are
/// the paper's; <see cref="Baselines.UnitRule"/> and <see cref="Repair.RepairUnitChoice"/> choose units of other widths, and always keep weights.
/// </summary>
public enum MlpInit
{
    /// <summary><c>rand_sample</c>, the method: a uniform random subset; weights are reused.</summary>
    RandomSample,
    /// <summary><c>GELU_sample</c>: the units with the largest mean activation over the few-shot set; weights are reused.</summary>
    GeluSample,
    /// <summary><c>rand_init</c>: a fresh MLP; only LN2 is kept.</summary>
    RandomInit,
}
