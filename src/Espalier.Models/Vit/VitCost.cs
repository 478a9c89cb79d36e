using System.Collections.Immutable;

namespace Espalier.Models.Vit;

/// <summary>
/// The one counter of parameters and MACs. Biases, GELU, softmax, means, residual and position-embedding adds count 0
/// (DC-ViT's counter: specification §2.1).
/// </summary>
public static class VitCost
{
    /// <summary>MACs per element of a LayerNorm with weight and bias, in the <c>budget</c> convention.</summary>
    private const long NormMacs = 4;

    /// <summary>The whole network, for one image.</summary>
    public static Cost Of(VitArchitecture net) => OfBlocks(net).Aggregate(OfEmbeddingAndHead(net), (sum, block) => sum + block);

    /// <summary>Every block in order; a dropped one costs nothing.</summary>
    public static ImmutableArray<Cost> OfBlocks(VitArchitecture net) => [.. net.Blocks.Select((b, i) => Of(b, net.EmbedDim, net.TokensInto(i)))];

    /// <summary>One block on N = <paramref name="tokens"/> tokens of width D = <paramref name="embedDim"/>.</summary>
    public static Cost Of(VitBlock block, int embedDim, int tokens) =>
        block.IsLinear ? Linear(embedDim, embedDim, tokens)
            : Attention(block, embedDim, tokens) + Mixer(block, embedDim, tokens) + Matching(block, tokens) + Mlp(block, embedDim, tokens - block.TokensMerged);

    /// <summary>LN1, qkv, both attention products and the projection; zero when the attention is gone.</summary>
    public static Cost Attention(VitBlock block, int embedDim, int tokens)
    {
        if (!block.HasAttention) return default;
        long n = tokens, heads = block.Heads, qk = block.QkDim, v = block.VDim;
        var products = new Cost(0, 0, n * n * heads * (qk + v));
        return Norm(embedDim, n) + Linear(embedDim, heads * (2 * qk + v), n) + products + Linear(heads * v, embedDim, n);
    }

    /// <summary>The products that find which tokens to merge, one key against another: attention products, counted like those.</summary>
    public static Cost Matching(VitBlock block, int tokens)
    {
        if (block.TokensMerged == 0) return default;
        long patches = tokens - 1, sources = (patches + 1) / 2;
        return new Cost(0, 0, sources * (patches - sources) * block.QkDim);
    }

    /// <summary>A bias per position and, once an image, two r×D matrices on the mean token; zero without a token mixer.</summary>
    public static Cost Mixer(VitBlock block, int embedDim, int tokens)
    {
        if (block.MixerRank is not { } rank) return default;
        long d = embedDim, matrices = 2 * d * rank;
        return new Cost(tokens * d + matrices, matrices, matrices);
    }

    /// <summary>LN2, fc1 and fc2; zero when the MLP is gone.</summary>
    public static Cost Mlp(VitBlock block, int embedDim, int tokens) => !block.HasMlp ? default
        : Norm(embedDim, tokens) + Linear(embedDim, block.MlpHidden, tokens) + Linear(block.MlpHidden, embedDim, tokens);

    /// <summary>
    /// Parameters as the official DC-ViT counter reports them: without class token and position embedding, which lie in no counted module.
    /// </summary>
    public static long CounterParameters(VitArchitecture net) => Of(net).Parameters - net.EmbedDim * (net.Tokens + 1L);

    private static Cost OfEmbeddingAndHead(VitArchitecture net)
    {
        long d = net.EmbedDim, n = net.Tokens;
        var tokens = new Cost(d + n * d, 0, 0);
        var patches = Linear((long)net.Channels * net.PatchSize * net.PatchSize, d, net.Patches);
        return tokens + patches + Norm(d, net.TokensInto(net.Depth)) + Linear(d, net.Classes, 1);
    }

    /// <summary>A linear layer with bias applied to <paramref name="rows"/> vectors; a patch convolution is one, too.</summary>
    private static Cost Linear(long inputs, long outputs, long rows) =>
        new(outputs * (inputs + 1), rows * inputs * outputs, rows * inputs * outputs);

    private static Cost Norm(long width, long rows) => new(2 * width, NormMacs * width * rows, 0);
}
