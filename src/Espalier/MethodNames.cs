using System.Collections.Immutable;

namespace Espalier;

/// <summary>Names of the methods, as reports, provenance and the command line have them.</summary>
public static class MethodNames
{
    public const string Espalier = "espalier", DcVit = "dc-vit", DropBlocks = "drop-blocks", Practise = "practise", Magnitude = "magnitude", Random = "random",
        Fskd = "fskd", CrossDistillation = "cd";

    /// <summary>The method of <see cref="EspalierModel.Search"/>; the others compress with few images.</summary>
    public const string Ofb = "ofb";

    /// <summary>All of them.</summary>
    public static ImmutableArray<string> All { get; } = [Espalier, DcVit, DropBlocks, Practise, Magnitude, Random, Fskd, CrossDistillation, Ofb];
}
