using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Widths;

namespace Espalier.Tests.Repair;

/// <summary>Processes with a part of the images each repair as one with all of them.</summary>
public class TogetherTests : TorchTest
{
    [Fact]
    public void A_repaired_network_and_its_score_are_those_of_one_process()
    {
        using var test = new RepairCase(5, images: 23);
        var target = test.Net.WithBlocks(b => b with { QkDim = b.QkDim - 1, VDim = b.VDim - 1, MlpHidden = b.MlpHidden / 2 });
        var (score, logits) = Repair(test, target, null);
        foreach (var (own, answers) in Together.Run(2, group => Repair(test, target, group)))
        {
            own.ShouldBe(score, 1e-4 * Math.Max(1, score));
            for (var k = 0; k < logits.Length; k++) ((double)answers[k]).ShouldBe(logits[k], 1e-3);
        }
    }

    [Fact]
    public void So_is_one_whose_attention_becomes_a_mixer()
    {
        using var test = new RepairCase(6, images: 23);
        var target = RepairCase.With(test.Net, 0, b => b with { Heads = 0, QkDim = 0, VDim = 0, MixerRank = 2 });
        var (score, _) = Repair(test, target, null);
        foreach (var (own, _) in Together.Run(2, group => Repair(test, target, group))) own.ShouldBe(score, 1e-4 * Math.Max(1, score));
    }

    private static (double Score, float[] Logits) Repair(RepairCase test, VitArchitecture target, ProcessGroup? group)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var images = new Calibration(test.Images, test.Teacher, views: new Views(Crops: 1, Seed: 2), group: group);
        if (group is not null) images.Batches.ShouldBeLessThan(2 * 12);
        using var student = RepairPass.Of(test.Teacher, images, test.Sensitivity, new RepairOptions()).Run(test.Teacher, target);
        using var judge = new Judge(test.Teacher, images, bf16: false);
        return (judge.Score(student), student.Logits(test.Pixels).ToArray<float>());
    }
}
