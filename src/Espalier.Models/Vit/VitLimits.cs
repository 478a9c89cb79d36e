namespace Espalier.Models.Vit;

/// <summary>
/// What no Vision Transformer has. A file that claims it is refused before anything is worked out from it, so that costs fit in 63 bits and nobody
/// waits for a network of a million blocks. The largest published ones have a twentieth of each.
/// </summary>
internal static class VitLimits
{
    private const int Blocks = 512, Width = 1 << 16, Hidden = 1 << 18, Side = 1 << 14, Tokens = 1 << 17, Classes = 1 << 24, Channels = 64, Window = 1 << 9;

    /// <summary>Blocks beyond what is read, in words; null when there are not too many. For what is asked before any block is made.</summary>
    public static string? TooDeep(long blocks) => Over("blocks", blocks, Blocks);

    /// <summary>What is out of range, in words; null when nothing is.</summary>
    public static string? Fault(VitArchitecture net) =>
        TooDeep(net.Depth) ?? Over("image_size", net.ImageSize, Side) ?? Over("channels", net.Channels, Channels) ?? Over("embed_dim", net.EmbedDim, Width)
        ?? Over("num_classes", net.Classes, Classes) ?? Over("reg_tokens", net.RegTokens, Width) ?? (net.PatchSize > 0 ? null : "patch_size is not above 0.")
        ?? Over("tokens", (long)net.Grid * net.Grid, Tokens) ?? Epsilon("layer_norm_eps", net.LayerNormEps)
        ?? net.Blocks.Select(Fault).Select((fault, i) => fault is null ? null : $"block {i}: {fault}").FirstOrDefault(fault => fault is not null);

    private static string? Fault(VitBlock block) =>
        Over("heads × qk_dim", (long)block.Heads * block.QkDim, Width) ?? Over("heads × v_dim", (long)block.Heads * block.VDim, Width) ?? Over("heads", block.Heads, Width)
        ?? Over("mlp_hidden", block.MlpHidden, Hidden) ?? Over("mixer_rank", block.MixerRank ?? 0, Width) ?? Over("downsample_dim", block.DownsampleDim, Width)
        ?? Over("window", block.Window, Window) ?? Epsilon("norm_eps", block.NormEps ?? 0);

    private static string? Over(string what, long value, long most) => value <= most ? null : $"{what} is {value}, where {most} is the most that is read.";

    private static string? Epsilon(string what, double value) => value is >= 0 and <= 1 ? null : $"{what} is {value}, which is not between 0 and 1.";
}
