using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;
using Espalier.OwnMethod;
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
        RepairPass Pass(Action<CutPoint>? onCut) => RepairPass.Of(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions(), onCut);
        var live = Tensor.LiveCount;
        var rounds = new StructureSearch(_ => new SearchFold(Pass, judge), 1, test.Teacher, limit, knobs).Run(UniformStart.Find(test.Net, limit, knobs), 4, default);
        Tensor.LiveCount.ShouldBe(live);
        rounds.Length.ShouldBeInRange(1, 4);
        foreach (var round in rounds)
        {
            limit.Met(round.Structure.Cost()).ShouldBeTrue();
            using var student = Pass(null).Run(test.Teacher, round.Structure);
            judge.Score(student).ShouldBe(round.Kl, 1e-6);
        }
        rounds.Skip(1).ShouldAllBe(r => r.Moves > 0);
    });

    [Fact]
    public void A_search_goes_on_from_any_round_to_the_same_rounds() => RepairCase.ForEach(2, test =>
    {
        var limit = new Target(TargetForm.KeepMacs, 0.7).Resolve(VitCost.Of(test.Net));
        var knobs = Knob.Of(test.Net, [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden], []);
        using var held = new Calibration(TestNets.Images(10, test.Net.ImageSize, 1, 5, 77), test.Teacher);
        using var judge = new Judge(test.Teacher, held, bf16: false);
        List<SearchPosition> positions = [];
        StructureSearch Search(SearchPosition? from) => new(
            _ => new SearchFold(onCut => RepairPass.Of(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions(), onCut), judge), 1, test.Teacher, limit, knobs)
        {
            From = from,
            OnMove = positions.Add,
        };
        var start = UniformStart.Find(test.Net, limit, knobs);
        var whole = Search(null).Run(start, 4, default);
        foreach (var position in positions.ToList())
        {
            var rounds = Search(position).Run(start, 4, default);
            rounds.Select(r => (r.Kl, r.Moves)).ShouldBe(whole.Select(r => (r.Kl, r.Moves)));
            rounds.Zip(whole).ShouldAllBe(pair => pair.First.Structure.IsSame(pair.Second.Structure));
        }
        positions.ShouldNotBeEmpty();
    });

    [Fact]
    public void Images_take_turns_to_judge_and_the_last_round_is_judged_like_the_first() => RepairCase.ForEach(2, test =>
    {
        var limit = new Target(TargetForm.KeepMacs, 0.7).Resolve(VitCost.Of(test.Net));
        var knobs = Knob.Of(test.Net, [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden], []);
        Calibration[] parts = [.. new ulong[] { 5, 6 }.Select(seed => new Calibration(TestNets.Images(10, test.Net.ImageSize, 1, 5, seed), test.Teacher))];
        Judge[] judges = [.. parts.Select(part => new Judge(test.Teacher, part, bf16: false))];
        List<int> asked = [];
        SearchFold Fold(int number)
        {
            asked.Add(number);
            return new(onCut => RepairPass.Of(test.Teacher, parts[1 - number], test.Sensitivity, new RepairOptions(), onCut), judges[number]);
        }
        var rounds = new StructureSearch(Fold, 2, test.Teacher, limit, knobs).Run(UniformStart.Find(test.Net, limit, knobs), 3, default);
        asked.ShouldBe([0, 1, 0]);
        rounds.Select(r => r.Fold).ShouldBe(asked);
        StructureSearch.Best(rounds).ShouldBe(rounds[0].Kl <= rounds[2].Kl ? rounds[0] : rounds[2]);
        foreach (var round in rounds)
        {
            using var fold = Fold(round.Fold);
            using var student = fold.Pass(null).Run(test.Teacher, round.Structure);
            judges[round.Fold].Score(student).ShouldBe(round.Kl, 1e-6);
        }
        foreach (var owned in judges.Concat<IDisposable>(parts)) owned.Dispose();
    });

    [Fact]
    public void Inner_channels_of_a_convolutional_network_move_between_blocks_and_bring_it_nearer()
    {
        using var model = (CnnModel)ModelRegistry.Find("fashion-mobilenet")!.Architecture.Random(ModelRegistry.Find("fashion-mobilenet")!.Preprocessing, 3);
        var net = model.Architecture;
        var limit = new Target(TargetForm.KeepMacs, 0.7).Resolve(net.Cost());
        var knobs = Knob.Of(net, [WidthKind.Hidden], []);
        // The first block of a MobileNetV2 has no inner channels of its own.
        knobs.Select(k => k.Block).ShouldBe(Enumerable.Range(1, net.Depth - 1));
        // Half the channels of one block are as good as not there.
        using (new NoGrad())
            foreach (var name in model.BlockTensors(5).Where(n => n.Contains("bn2.")))
                model.Weights[name].Narrow(0, 0, net.Blocks[5].Hidden / 2).CopyFrom(Tensor.Zeros([net.Blocks[5].Hidden / 2]));
        using var images = new Calibration(TestNets.Images(20, net.ImageSize, 1, 10, 7), model);
        using var held = new Calibration(TestNets.Images(10, net.ImageSize, 1, 10, 77), model);
        using var judge = new Judge(model, held, bf16: false);
        using var weights = Sensitivity.Equal(model);
        RepairPass Pass(Action<CutPoint>? onCut) => RepairPass.Of(model, images, weights, new RepairOptions(), onCut);
        var live = Tensor.LiveCount;
        var start = UniformStart.Find(net, limit, knobs);
        var rounds = new StructureSearch(_ => new SearchFold(Pass, judge), 1, model, limit, knobs).Run(start, 3, default);
        Tensor.LiveCount.ShouldBe(live);
        foreach (var round in rounds)
        {
            limit.Met(round.Structure.Cost()).ShouldBeTrue();
            using var student = Pass(null).Run(model, round.Structure);
            judge.Score(student).ShouldBe(round.Kl, 1e-6);
        }
        rounds.Min(r => r.Kl).ShouldBeLessThan(rounds[0].Kl);
        rounds.Skip(1).ShouldAllBe(r => r.Moves > 0);
    }

    /// <summary>Answers that are no numbers are the farthest there are: NaN would pass for the least of all.</summary>
    [Fact]
    public void A_network_whose_answers_are_no_numbers_is_never_the_best() => RepairCase.ForEach(1, test =>
    {
        using var judge = new Judge(test.Teacher, test.Calibration, bf16: false);
        using var broken = test.Teacher.Clone();
        using (new NoGrad()) broken.Weights["blocks.0.mlp.fc1.bias"].CopyFrom(Tensor.From<float>([float.NaN]));
        judge.Score(broken).ShouldBe(double.PositiveInfinity);

        using var finetuned = broken.Clone();
        Blend.Choose(test.Teacher, finetuned, judge, default).ShouldBe(0);
        finetuned.Weights.Differences(test.Teacher.Weights).ShouldBeEmpty();
        using var repaired = broken.Clone();
        using var whole = test.Teacher.Clone();
        Blend.Choose(repaired, whole, judge, default).ShouldBe(1);
        whole.Weights.Differences(test.Teacher.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void Merging_stays_within_its_limit_comes_close_to_it_and_gets_no_worse()
    {
        var net = VitArchitecture.Uniform("merging", imageSize: 28, patchSize: 4, channels: 1, embedDim: 16, depth: 8, heads: 2, classes: 5);
        using var teacher = TestNets.Model(net, 5);
        using var images = new Calibration(TestNets.Images(6, net.ImageSize, net.Channels, 5, 77), teacher);
        using var judge = new Judge(teacher, images, bf16: false);
        foreach (var (keep, convention) in new[] { (0.85, CountConvention.Budget), (0.85, CountConvention.Full), (0.65, CountConvention.Budget) })
        {
            var limit = new Target(TargetForm.KeepMacs, keep, convention).Resolve(VitCost.Of(net));
            var (start, knobs) = MergeStart.Find(net, limit, []);
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
            rounds.Length.ShouldBeGreaterThan(1);
        }
    }

    [Fact]
    public void Merging_takes_more_blocks_when_much_must_go_and_stops_where_widths_do_better()
    {
        var net = VitArchitecture.Uniform("merging", imageSize: 28, patchSize: 4, channels: 1, embedDim: 16, depth: 12, heads: 2, classes: 5);
        MergePlan Plan(double keep, params int[] kept) => MergeStart.Find(net, new Target(TargetForm.KeepMacs, keep).Resolve(VitCost.Of(net)), kept);
        Plan(0.8).Blocks.Select(k => k.Block).ShouldBe([3, 5, 7, 9]);
        Plan(0.8, 5).Blocks.Select(k => k.Block).ShouldBe([3, 7, 9]);
        Plan(0.6).Blocks.Select(k => k.Block).ShouldBe([2, 3, 4, 5, 6, 7, 8, 9]);
        MergeStart.Find(net, new Target(TargetForm.KeepMacs, 0.8).Resolve(VitCost.Of(net)), [], MergingBlocks.Every).Blocks.Length.ShouldBe(12);
        var strongest = Plan(0.1).Structure;
        strongest.ShouldBe(Plan(0.2).Structure with { Blocks = strongest.Blocks });
        strongest.Blocks.Sum(b => b.TokensMerged).ShouldBeInRange(1, (int)(0.85 * net.Patches));
        VitCost.Of(strongest).MacsBudget.ShouldBeGreaterThan(VitCost.Of(net).MacsBudget / 5);
    }

    [Fact]
    public void An_alternative_scores_as_the_student_with_that_part_alone_exchanged() => RepairCase.ForEach(2, test =>
    {
        using var judge = new Judge(test.Teacher, test.Calibration, bf16: false);
        var target = test.With(1, b => b with { MlpHidden = 10, VDim = b.VDim - 1 });
        Knob hidden = new(1, WidthKind.Hidden), value = new(1, WidthKind.Value);
        var alternatives = new List<Alternative>();
        using var student = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions())
        {
            OnCut = point =>
            {
                if (point.Block != 1) return;
                alternatives.Add(point.Widths.Contains(WidthKind.Hidden) ? Alternative.Of(point, hidden, 14) : Alternative.Of(point, value, value.Read(test.Net)));
            },
        }.Run(test.Teacher, target);
        alternatives.Select(a => a.Knob).ShouldBe([value, hidden]);
        var (own, growth) = judge.Score(student, alternatives, default);
        own.ShouldBe(judge.Score(student), 1e-9);
        foreach (var alternative in alternatives)
        {
            using var whole = alternative.In(student);
            alternative.Knob.Read(whole.Architecture).ShouldBe(alternative.Width);
            alternative.Knob.Write(whole.Architecture, alternative.Knob.Read(target)).IsSame(student.Architecture).ShouldBeTrue();
            foreach (var (name, tensor) in student.Weights)
                if (!name.StartsWith(alternative.Prefix, StringComparison.Ordinal)) whole.Weights[name].BitEquals(tensor).ShouldBeTrue();
            (own + growth[alternative].Kl).ShouldBe(judge.Score(whole), 1e-6);
            alternative.Dispose();
        }
        judge.Score(test.Teacher).ShouldBe(0, 1e-6);
    });
}
