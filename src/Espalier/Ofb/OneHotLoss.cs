namespace Espalier.Ofb;

/// <summary>When OFB's adaptive one-hot loss acts on the probabilities of sizes.</summary>
public enum OneHotLoss
{
    /// <summary>Never: the end of the search decides by the probabilities reached.</summary>
    None,

    /// <summary>From halfway through the search, growing to its whole weight at the end.</summary>
    Late,

    /// <summary>From the first step, as published.</summary>
    Whole,
}
