using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>The counter of <see cref="VitCost"/> against counts made from the tensors themselves.</summary>
public class VitCountTests : TorchTest
{
    [Fact]
    public void Counts_of_edited_networks_follow_from_their_tensors()
    {
        for (var seed = 0UL; seed < 60; seed++)
        {
            using var model = RandomEdits.Model(seed);
            VitCost.Of(model.Architecture).ShouldBe(FromTensors(model), $"network {seed}");
        }
    }

    private static Cost FromTensors(VitModel model)
    {
        long tokens = model.Weights["pos_embed"].Size(1), parameters = 0, linear = 0, norms = 0, products = 0;
        foreach (var (name, tensor) in model.Weights)
        {
            var count = tensor.Count;
            parameters += count;
            if (name.Contains("norm") && name.EndsWith(".weight")) norms += 4 * tokens * count;
            else if (name.EndsWith(".weight")) linear += count * (name == "head.weight" ? 1 : name.StartsWith("patch") ? tokens - 1 : tokens);
            if (!name.EndsWith("attn.proj.weight")) continue;
            var values = tensor.Size(1);
            var queries = (model.Weights[name.Replace("proj", "qkv")].Size(0) - values) / 2;
            products += tokens * tokens * (queries + values);
        }
        return new Cost(parameters, linear + norms, linear + products);
    }
}
