using Espalier.Budget;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Tests.Repair;
using Espalier.Torch;
using Espalier.Widths;

namespace Espalier.Tests.Widths;

public class StructureSearchTests : TorchTest
{
    [Fact]
    public void Every_round_meets_the_target_and_says_truly_how_far_its_network_is() => RepairCase.ForEach(3, test =>
    {
        var limit = new Target(TargetForm.KeepMacs, 0.7).Resolve(VitCost.Of(test.Net));
        var knobs = Knob.Of(test.Net, [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden], []);
        using var held = new Calibration(TestNets.Images(10, test.Net.ImageSize, 1, 5, 77), test.Teacher);
        using var judge = new Judge(test.Teacher, held, bf16: false);
        RepairPass Pass(Action<CutPoint>? onCut) => new(test.Teacher, test.Calibration, test.Weights, new RepairOptions()) { OnCut = onCut };
        var live = Tensor.LiveCount;
        var rounds = new StructureSearch(Pass, judge, test.Teacher, limit, knobs).Run(UniformStart.Find(test.Net, limit, knobs), 4, default);
        Tensor.LiveCount.ShouldBe(live);
        rounds.Length.ShouldBeInRange(1, 4);
        foreach (var round in rounds)
        {
            limit.Met(VitCost.Of(round.Structure)).ShouldBeTrue();
            using var student = Pass(null).Run(test.Teacher, round.Structure);
            judge.Score(student).ShouldBe(round.Kl, 1e-6);
        }
        rounds.Skip(1).ShouldAllBe(r => r.Moves > 0);
    });

    [Fact]
    public void Merging_stays_within_its_limit_comes_close_to_it_and_gets_no_worse() => RepairCase.ForEach(6, test =>
    {
        var net = test.Net with { ImageSize = test.Net.PatchSize * 7 };
        using var teacher = TestNets.Model(net, 5);
        using var images = new Calibration(TestNets.Images(6, net.ImageSize, net.Channels, 5, 77), teacher);
        using var judge = new Judge(teacher, images, bf16: false);
        var knobs = MergeStart.Blocks(net, []);
        foreach (var measure in new[] { CountConvention.Budget, CountConvention.Full })
        {
            var limit = new Target(TargetForm.KeepMacs, 0.85, measure).Resolve(VitCost.Of(net));
            var start = MergeStart.Find(net, limit, knobs);
            var live = Tensor.LiveCount;
            var rounds = new MergeSearch(judge, teacher, limit, knobs).Run(start, 6, default);
            Tensor.LiveCount.ShouldBe(live);
            foreach (var round in rounds)
            {
                round.Structure.CheckMerging().ShouldBeNull();
                limit.Met(VitCost.Of(round.Structure)).ShouldBeTrue();
                // One token more apart in any block would be too much.
                foreach (var knob in knobs.Where(k => k.Read(round.Structure) < 0))
                    limit.Met(VitCost.Of(knob.Write(round.Structure, knob.Read(round.Structure) + 1))).ShouldBeFalse();
                using var merged = teacher.MergeTokens(round.Structure);
                judge.Score(merged).ShouldBe(round.Kl, 1e-6);
            }
            rounds.Min(r => r.Kl).ShouldBeLessThanOrEqualTo(rounds[0].Kl);
        }
    });

    [Fact]
    public void An_alternative_scores_as_the_whole_network_with_that_block_would() => RepairCase.ForEach(2, test =>
    {
        using var judge = new Judge(test.Teacher, test.Calibration, bf16: false);
        var target = test.With(1, b => b with { MlpHidden = 10, VDim = b.VDim - 1 });
        var alternatives = new List<Alternative>();
        using var student = new RepairPass(test.Teacher, test.Calibration, test.Weights, new RepairOptions())
        {
            OnCut = point =>
            {
                if (point.Block != 1 || point.Part != CutPart.Mlp) return;
                using var other = point.Cut(point.Target with { MlpHidden = 14 });
                alternatives.Add(Alternative.Of(other, new Knob(1, WidthKind.Hidden), 14));
            },
        }.Run(test.Teacher, target);
        using var alternative = alternatives.ShouldHaveSingleItem();
        using var whole = alternative.In(student);
        whole.Architecture.Blocks[1].MlpHidden.ShouldBe(14);
        judge.Score(student, alternatives, default)[alternative].ShouldBe(judge.Score(whole), 1e-6);
        judge.Score(test.Teacher).ShouldBe(0, 1e-6);
    });
}
