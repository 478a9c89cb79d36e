using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Widths;

/// <summary>What a cut does to the tensors of an attention besides its widths.</summary>
internal static class BiasedAttention
{
    /// <summary>The network whose attentions all have biases of queries, keys and values: one that is cut and solved gets them if it had none, and they count.</summary>
    internal static T Of<T>(T net) where T : Architecture =>
        net is VitArchitecture vit ? (T)(Architecture)vit.WithBlocks(b => b.HasAttention ? b with { QkvBias = true } : b) : net;
}
