namespace Espalier.Models.Data;

/// <summary>What a caller wants to know about classes when it opens a data set.</summary>
public enum LabelPolicy
{
    /// <summary>Take labels when the data have them.</summary>
    IfPresent,

    /// <summary>Refuse data without labels.</summary>
    Required,

    /// <summary>Only the images matter: subfolders are just folders.</summary>
    Ignored,
}
