using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>Costs counted from the shapes and names of a model's tensors, without its architecture.</summary>
internal static class TensorCount
{
    public static Cost Of(VitModel model)
    {
        long tokens = model.Weights["pos_embed"].Size(1), parameters = 0, linear = 0, norms = 0, products = 0;
        foreach (var (name, tensor) in model.Weights)
        {
            var count = tensor.Count;
            parameters += count;
            if (name.Contains("norm") && name.EndsWith(".weight")) norms += 4 * tokens * count;
            else if (name.EndsWith(".weight")) linear += count * Rows(name, tokens);
            if (!name.EndsWith("attn.proj.weight")) continue;
            var values = tensor.Size(1);
            var queries = (model.Weights[name.Replace("proj", "qkv")].Size(0) - values) / 2;
            products += tokens * tokens * (queries + values);
        }
        return new Cost(parameters, linear + norms, linear + products);
    }

    // Vectors a matrix multiplies in one image: the head sees the class token, a mixer the mean token.
    private static long Rows(string name, long tokens) =>
        name == "head.weight" || name.Contains(".mixer.") ? 1 : name.StartsWith("patch") ? tokens - 1 : tokens;
}
