namespace Espalier.Models;

/// <summary>
/// The kinds of widths a block may have: numbers, each of which changes without the others. Which units a number is made of is another question, see
/// <see cref="Vit.UnitKind"/>.
/// </summary>
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
