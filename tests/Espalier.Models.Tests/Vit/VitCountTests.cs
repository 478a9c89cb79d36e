using Espalier.Models.Vit;

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
            VitCost.Of(model.Architecture).ShouldBe(TensorCount.Of(model), $"network {seed}");
        }
    }
}
