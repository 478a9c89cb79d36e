namespace Espalier.Models;

/// <summary>The kinds of widths a block may have.</summary>
public enum WidthKind
{
    /// <summary>q/k dimensions of every head.</summary>
    QueryKey,
    /// <summary>v dimensions of every head.</summary>
    Value,
    /// <summary>Hidden units of an MLP, inner channels of a convolutional block.</summary>
    Hidden,
    /// <summary>Tokens left apart: minus the number that the block merges, so that, as with the others, wider costs more.</summary>
    Tokens,
}
