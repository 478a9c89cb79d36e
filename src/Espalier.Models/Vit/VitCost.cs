using System.Collections.Immutable;

namespace Espalier.Models.Vit;

/// <summary>
/// The one counter of parameters and MACs. Biases, GELU, softmax, means, layer scales, residual and position-embedding adds count 0
/// (DC-ViT's counter: specification §2.1).
/// </summary>
public static class VitCost
{
    /// <summary>MACs per element of a LayerNorm with weight and bias, in the <c>budget</c> convention.</summary>
    private const long NormMacs = 4;

    /// <summary>The whole network, for one image.</summary>
    public static Cost Of(VitArchitecture net) => OfBlocks(net).Aggregate(net.Stages.Where(i => i > 0).Aggregate(Embedding(net) + Head(net), (sum, i) => sum + Downsample(net, i)), (sum, block) => sum + block);

    /// <summary>Every block in order, without patch merging; a dropped one costs nothing.</summary>
    public static ImmutableArray<Cost> OfBlocks(VitArchitecture net) =>
        [.. net.Blocks.Select((b, i) => Of(b, net.WidthOf(i), net.TokensInto(i), net.PrefixTokens))];

    /// <summary>
    /// One block on N = <paramref name="tokens"/> tokens of width D = <paramref name="embedDim"/>, <paramref name="prefix"/> of which are no
    /// patches (class token, registers).
    /// </summary>
    public static Cost Of(VitBlock block, int embedDim, int tokens, int prefix = 1) =>
        block.IsLinear ? Linear(embedDim, embedDim, tokens)
            : Attention(block, embedDim, tokens) + Mixer(block, embedDim, tokens) + Matching(block, tokens - prefix) + Mlp(block, embedDim, tokens - block.TokensMerged);

    /// <summary>LN1, qkv, q/k norms, both attention products, the projection and its scale; zero when the attention is gone.</summary>
    public static Cost Attention(VitBlock block, int embedDim, int tokens)
    {
        if (!block.HasAttention) return default;
        long n = tokens, heads = block.Heads, qk = block.QkDim, v = block.VDim;
        // Windows are padded to, and see, full ones.
        var windows = WindowLayout.Of(block, n);
        var (projected, seen) = windows is null ? (n, n) : (windows.Count * (long)windows.Size, windows.Size);
        var products = new Cost(windows is null ? 0 : WindowLayout.Offsets(block.Window) * heads, 0, projected * seen * heads * (qk + v));
        // One norm for the queries of all heads, one for the keys.
        var norms = block.QkNorm ? new Cost(4 * qk, NormMacs * 2 * projected * heads * qk, 0) : default;
        return Norm(embedDim, n) + Linear(embedDim, heads * (2 * qk + v), projected, block.QkvBias) + norms + products
            + Linear(heads * v, embedDim, n) + Scale(block, embedDim);
    }

    /// <summary>The products that find which tokens to merge, one key against another: attention products, counted like those.</summary>
    public static Cost Matching(VitBlock block, int patches)
    {
        if (block.TokensMerged == 0) return default;
        long sources = (patches + 1) / 2;
        return new Cost(0, 0, sources * (patches - sources) * block.QkDim);
    }

    /// <summary>A bias per position and, once an image, two r×D matrices on the mean token; zero without a token mixer.</summary>
    public static Cost Mixer(VitBlock block, int embedDim, int tokens)
    {
        if (block.MixerRank is not { } rank) return default;
        long d = embedDim, matrices = 2 * d * rank;
        return new Cost(tokens * d + matrices, matrices, matrices);
    }

    /// <summary>LN2, fc1, fc2 and its scale; zero when the MLP is gone.</summary>
    public static Cost Mlp(VitBlock block, int embedDim, int tokens) => !block.HasMlp ? default
        : Norm(embedDim, tokens) + Linear(embedDim, block.MlpRows, tokens) + Linear(block.MlpHidden, embedDim, tokens)
            + Scale(block, embedDim);

    /// <summary>
    /// Parameters as the official DC-ViT counter reports them: without class token and position embedding, which lie in no counted module.
    /// </summary>
    public static long CounterParameters(VitArchitecture net) => Of(net).Parameters - TokenParameters(net);

    // The tokens before the patches, and every position.
    private static long TokenParameters(VitArchitecture net) => (long)net.EmbedDim * (net.PrefixTokens + net.Positions);

    /// <summary>Patches, tokens and positions, and a norm before the blocks.</summary>
    public static Cost Embedding(VitArchitecture net)
    {
        long d = net.EmbedDim;
        var tokens = new Cost(TokenParameters(net), 0, 0);
        var patches = Linear((long)net.Channels * net.PatchSize * net.PatchSize, d, net.Patches, net.PatchBias);
        return tokens + patches + (net.PreNorm || net.Staged ? Norm(d, net.Tokens) : default);
    }

    /// <summary>The final norm and the heads.</summary>
    public static Cost Head(VitArchitecture net)
    {
        var head = net.Classes > 0 ? Linear(net.Features, net.Classes, 1) : default;
        return Norm(net.Features, net.FcNorm ? 1 : net.TokensInto(net.Depth)) + head + (net.DistHead ? head : default);
    }

    /// <summary>Patch merging before a block: a LayerNorm of four neighbours side by side and a linear layer without bias.</summary>
    public static Cost Downsample(VitArchitecture net, int block)
    {
        long four = 4L * net.WidthOf(block - 1), n = net.TokensOf(block);
        return Norm(four, n) + Linear(four, net.WidthOf(block), n, bias: false);
    }

    /// <summary>A linear layer applied to <paramref name="rows"/> vectors; a patch convolution is one, too.</summary>
    private static Cost Linear(long inputs, long outputs, long rows, bool bias = true) =>
        new(outputs * (inputs + (bias ? 1 : 0)), rows * inputs * outputs, rows * inputs * outputs);

    // One factor a channel; elementwise products count 0.
    private static Cost Scale(VitBlock block, long width) => block.LayerScale ? new(width, 0, 0) : default;

    private static Cost Norm(long width, long rows) => new(2 * width, NormMacs * width * rows, 0);
}
