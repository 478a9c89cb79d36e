using Espalier.Models.Vit;
using Espalier.SearchSpaces;

namespace Espalier.Ofb;

/// <summary>F of the published code: N patches without the class token, biases, one norm a block at the physical width, softmax at the physical heads.</summary>
public static class PublishedCost
{
    /// <summary>Its coefficients.</summary>
    /// <param name="space">A plain ViT.</param>
    /// <param name="tables">Physical sizes.</param>
    public static SearchCost Of(SearchSpace space, IReadOnlyList<CandidateTable> tables)
    {
        var net = space.Net;
        long n = net.Patches, width = tables[0].Units;
        return new([.. space.Submodules.Select((s, k) => (space.WidthFor(k), s.Kind switch
        {
            UnitKind.Embedding => new Bilinear(0, 0, n * net.Channels * net.PatchSize * net.PatchSize + net.Classes, 0),
            UnitKind.Hidden => new Bilinear(0, n, n, 2 * n),
            _ => new Bilinear(2 * width * n + 6 * tables[k].MostHeads * n * n, n, 3 * n + 2 * n * n, 4 * n),
        }))]);
    }
}
