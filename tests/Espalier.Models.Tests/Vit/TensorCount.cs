using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>Costs counted from the shapes and names of a model's tensors and the size of its images, without its architecture.</summary>
internal static class TensorCount
{
    public static Cost Of(VitModel model)
    {
        var side = model.Preprocessing.Size / model.Weights["patch_embed.proj.weight"].Size(3);
        long patches = side * side, parameters = 0, linear = 0, norms = 0, products = 0;
        var tokens = patches + new[] { "cls_token", "dist_token", "reg_token" }.Sum(t => model.Weights.TryGetValue(t, out var token) ? token.Size(1) : 0);
        foreach (var (name, tensor) in model.Weights)
        {
            var count = tensor.Count;
            parameters += count;
            if (name.Contains("norm") && name.EndsWith(".weight")) norms += 4 * count * NormRows(model, name, tokens);
            else if (name.EndsWith(".weight")) linear += count * Rows(name, tokens, patches);
            if (!name.EndsWith("attn.proj.weight")) continue;
            products += tokens * tokens * (Queries(model, name.Replace(".proj.weight", "")) + tensor.Size(1));
        }
        return new Cost(parameters, linear + norms, linear + products);
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
