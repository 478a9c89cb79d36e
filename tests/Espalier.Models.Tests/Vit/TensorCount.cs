using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>Costs counted from the shapes and names of a model's tensors and the size of its images, without its architecture.</summary>
internal static class TensorCount
{
    public static Cost Of(VitModel model)
    {
        var side = model.Preprocessing.Size / model.Weights["patch_embed.proj.weight"].Size(3);
        long patches = side * side, parameters = 0, linear = 0, norms = 0, products = 0;
        var seen = (Queries: 0L, Keys: 0L);
        var tokens = patches + new[] { "cls_token", "dist_token", "reg_token" }.Sum(t => model.Weights.TryGetValue(t, out var token) ? token.Size(1) : 0);
        foreach (var (name, tensor) in model.Weights)
        {
            var count = tensor.Count;
            parameters += count;
            // Tensors come in the order of the forward pass: what follows patch merging sees a quarter of the tokens.
            if (name.EndsWith("downsample.norm.weight")) tokens = (side = (side + 1) / 2) * side;
            if (name.EndsWith("norm1.weight")) seen = (tokens, tokens);
            if (name.EndsWith("relative_position_bias_table")) seen = Windows(side, (long)(Math.Sqrt(tensor.Size(0)) + 1) / 2);
            var rows = name.Contains(".attn.") && !name.Contains(".proj.") ? seen.Queries : tokens;
            if (name.Contains("norm") && name.EndsWith(".weight")) norms += 4 * count * NormRows(model, name, rows);
            else if (name.EndsWith(".weight")) linear += count * Rows(name, rows, patches);
            if (!name.EndsWith("attn.proj.weight")) continue;
            products += seen.Queries * seen.Keys * (Queries(model, name.Replace(".proj.weight", "")) + tensor.Size(1));
        }
        return new Cost(parameters, linear + norms, linear + products);
    }

    // Tokens of all windows, the padding included, and those of one.
    private static (long, long) Windows(long side, long window)
    {
        window = Math.Min(window, side);
        var padded = (side + window - 1) / window * window;
        return (padded * padded, window * window);
    }

    // Vectors a matrix multiplies in one image: a head sees one, a mixer the mean token.
    private static long Rows(string name, long tokens, long patches) =>
        name.StartsWith("head") || name.Contains(".mixer.") ? 1 : name.StartsWith("patch") ? patches : tokens;

    // Vectors a norm normalises in one image: after the pooling one, inside an attention one a head.
    private static long NormRows(VitModel model, string name, long tokens) => name.StartsWith("fc_norm") ? 1
        : name.Contains(".attn.") ? tokens * Queries(model, name[..name.LastIndexOf(".attn.")] + ".attn") / model.Weights[name].Count : tokens;

    // Width of the queries of all heads: what is left of qkv without the values is twice that.
    private static long Queries(VitModel model, string attention) =>
        (model.Weights[$"{attention}.qkv.weight"].Size(0) - model.Weights[$"{attention}.proj.weight"].Size(1)) / 2;
}
