using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>What a walk of cuts and repairs promises, whatever the edit, over random networks.</summary>
public class RepairPassTests : TorchTest
{
    private const int Networks = 3;

    public static TheoryData<string> Edits => BlockEdits.Names;

    [Theory]
    [MemberData(nameof(Edits))]
    public void Where_a_solve_acts_the_error_is_never_above_that_of_the_cut_alone(string name)
    {
        var edit = BlockEdits.Find(name);
        double repaired = 0, cut = 0;
        RepairCase.ForEach(Networks, test =>
        {
            // Tokens that differ from the teacher's before the block: the repair has more to make up for than its own cut.
            using var student = test.Damaged();
            var target = test.With(0, edit.Apply);
            foreach (var (strength, damping) in ((double?, double)[])[(1, 1), (1, 0.4), (null, 1)])
            {
                var options = new RepairOptions { RefitWhole = edit.Refit, Strength = strength, Damping = damping };
                var after = Error(test, student, target, edit, options);
                var before = Error(test, student, target, edit, options with { Solve = false });
                after.ShouldBeLessThanOrEqualTo(before * (1 + 1e-6), $"strength {strength}, damping {damping}");
                (repaired, cut) = (repaired + after, cut + before);
            }
        });
        repaired.ShouldBeLessThan(0.95 * cut);
    }

    [Theory]
    [InlineData("fewer hidden units", "mlp.fc2")]
    [InlineData("no attention, fewer hidden units", "mlp.fc2")]
    [InlineData("no MLP, narrower attention", "attn.proj")]
    public void Nothing_near_a_solved_layer_is_closer_to_what_is_wanted(string name, string layer) => RepairCase.ForEach(2, test =>
    {
        using var student = test.Damaged();
        using var solved = test.Repaired(student, test.With(0, BlockEdits.Find(name).Apply), new RepairOptions { Strength = 1e-9, RefitWhole = false });
        var least = test.Error(solved, 0, afterMlp: true);
        TorchRuntime.Seed(8);
        foreach (var size in (double[])[0.003, 0.03])
            for (var k = 0; k < 8; k++)
            {
                using var scope = new TensorScope();
                using var moved = solved.Clone();
                foreach (var part in (string[])["weight", "bias"])
                {
                    var tensor = moved.Weights[$"blocks.0.{layer}.{part}"];
                    tensor.AddInPlace(Tensor.RandN(tensor.Shape) * (size * tensor.Abs().Mean().Item()));
                }
                test.Error(moved, 0, afterMlp: true).ShouldBeGreaterThan(least);
            }
    });

    [Theory]
    [MemberData(nameof(Edits))]
    public void One_edit_hurts_the_tokens_after_its_block_less_when_repaired(string name)
    {
        var edit = BlockEdits.Find(name);
        RepairCase.ForEach(Networks, test =>
        {
            var block = test.Random.NextInt(test.Net.Depth - edit.FirstSolve.Later);
            var target = test.With(block, edit.Apply);
            using var repaired = test.Repaired(test.Teacher, target, new RepairOptions());
            using var cut = test.Repaired(test.Teacher, target, new RepairOptions { Solve = false });
            // Block after block, each solve makes the best of its own inputs only; that the sum of them helps is what this shows.
            var after = block + edit.FirstSolve.Later;
            test.Error(repaired, after, afterMlp: true).ShouldBeLessThan(test.Error(cut, after, afterMlp: true));
        });
    }

    [Theory]
    [MemberData(nameof(Edits))]
    public void The_result_has_the_widths_of_the_target_and_comes_back_from_disk_bit_for_bit(string name)
    {
        var edit = BlockEdits.Find(name);
        RepairCase.ForEach(2, test =>
        {
            using var folder = new TemporaryFolder();
            using var student = test.Teacher.SetNormEps(0, 1e-4);
            var target = test.With(0, edit.Apply);
            using var result = test.Repaired(student, target, new RepairOptions { Strength = 1e-3 });
            foreach (var (block, wanted) in result.Architecture.Blocks.Zip(target.Blocks))
                (block with { AttentionScale = null, NormEps = null }).ShouldBe(wanted);
            result.Architecture.Blocks[0].NormEps.ShouldBe(target.Blocks[0].Kind == BlockKind.Dropped ? null : 1e-4);

            ModelFolder.Write(folder.Path, result);
            using var loaded = ModelSource.Open(folder.Path).LoadVit();
            loaded.Answer(test.Pixels).BitEquals(result.Answer(test.Pixels)).ShouldBeTrue();
        });
    }

    [Fact]
    public void A_refit_of_the_teacher_itself_changes_nothing() => RepairCase.ForEach(2 * Networks, test =>
    {
        foreach (var strength in (double?[])[1, null])
        {
            using var refitted = test.Repaired(test.Teacher, test.Net, new RepairOptions { Strength = strength });
            ShouldAgree(refitted, test.Teacher, test.Pixels);
            ShouldAgree(refitted, test.Teacher, TestNets.Pixels(test.Net, 5, 9));
        }
    });

    [Fact]
    public void Without_solving_and_cutting_every_tensor_stays_bit_for_bit() => RepairCase.ForEach(2, test =>
    {
        using var student = test.Damaged();
        using var same = test.Repaired(student, test.Net, new RepairOptions { Solve = false });
        same.Weights.Differences(student.Weights).ShouldBeEmpty();
        using var unfitted = test.Repaired(student, test.Net, new RepairOptions { RefitWhole = false });
        unfitted.Weights.Differences(student.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void The_student_stays_as_it_is_and_the_same_options_give_the_same_weights() => RepairCase.ForEach(2, test =>
    {
        using var student = test.Damaged();
        using var before = student.Clone();
        var target = test.With(1, BlockEdits.Find("narrower block").Apply);
        foreach (var choice in Enum.GetValues<RepairUnitChoice>())
        {
            var options = new RepairOptions { UnitChoice = choice, Strength = 1e-3, Seed = 5 };
            using var one = test.Repaired(student, target, options);
            using var again = test.Repaired(student, target, options);
            again.Weights.Differences(one.Weights).ShouldBeEmpty();
        }
        student.Weights.Differences(before.Weights).ShouldBeEmpty();
    });

    [Fact]
    public void A_later_repair_makes_up_for_an_earlier_cut() => RepairCase.ForEach(Networks, test =>
    {
        using var student = test.Damaged();
        var last = test.Net.Depth - 1;
        using var refitted = test.Repaired(student, test.Net, new RepairOptions());
        test.Error(refitted, last, afterMlp: true).ShouldBeLessThan(0.95 * test.Error(student, last, afterMlp: true));
    });

    [Fact]
    public void Looking_at_other_widths_leaves_the_walk_as_it_is() => RepairCase.ForEach(2, test =>
    {
        var target = test.With(0, BlockEdits.Find("narrower block").Apply);
        using var plain = test.Repaired(test.Teacher, target, new RepairOptions());
        var seen = new List<(int, WidthKind)>();
        var pass = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions())
        {
            OnCut = point =>
            {
                seen.Add((point.Block, point.Widths[0]));
                var (from, to) = (test.Net.Blocks[point.Block], ((VitArchitecture)point.Target).Blocks[point.Block]);
                var isMlp = point.Widths.Contains(WidthKind.Hidden);
                VitBlock[] others = isMlp
                    ? [to with { MlpHidden = 1 }, to with { MlpHidden = 5 }, to with { MlpHidden = from.MlpHidden }]
                    : [to with { QkDim = 1 }, to with { VDim = 1 }, to with { QkDim = from.QkDim, VDim = from.VDim }, to with { Heads = from.Heads, VDim = 2 }];
                foreach (var other in others)
                {
                    using var tried = (VitModel)point.Cut(RepairCase.With(target, point.Block, _ => other));
                    var found = tried.Architecture.Blocks[point.Block];
                    if (isMlp) found.MlpHidden.ShouldBe(other.MlpHidden);
                    else (found.Heads, found.QkDim, found.VDim).ShouldBe((other.Heads, other.QkDim, other.VDim));
                }
            },
        };
        using var looked = pass.Run(test.Teacher, target);
        looked.Weights.Differences(plain.Weights).ShouldBeEmpty();
        seen.ShouldBe(Enumerable.Range(0, test.Net.Depth).SelectMany(i => new[] { (i, WidthKind.QueryKey), (i, WidthKind.Hidden) }));
    });

    [Fact]
    public void Blocks_are_reported_in_order_and_a_linear_one_is_refused()
    {
        using var test = new RepairCase(1);
        var seen = new List<int>();
        var pass = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions { Strength = 1e-3 }) { OnBlock = seen.Add };
        pass.Run(test.Teacher, test.Net).Dispose();
        seen.ShouldBe(Enumerable.Range(0, test.Net.Depth));
        using var linear = test.Teacher.ReplaceByLinear(1);
        using var passed = pass.Run(linear, linear.Architecture);
        passed.Weights.Where(w => w.Key.StartsWith("blocks.1.", StringComparison.Ordinal)).ShouldAllBe(w => w.Value.BitEquals(linear.Weights[w.Key]), "it is passed on");
        Should.Throw<ArgumentException>(() => pass.Run(linear, test.Net)).Message.ShouldBe("Block 1 is a linear layer; only attention and MLPs can be repaired.");
    }

    private static double Error(RepairCase test, VitModel student, VitArchitecture target, BlockEdit edit, RepairOptions options)
    {
        using var result = test.Repaired(student, target, options);
        return test.Error(result, edit.FirstSolve.Later, edit.FirstSolve.AfterMlp);
    }

    private static void ShouldAgree(VitModel a, VitModel b, Tensor pixels)
    {
        var expected = b.Answer(pixels);
        Distance(a.Answer(pixels), expected).ShouldBeLessThan(1e-5 * Math.Max(1, expected.Abs().Max().Item()));
    }
}
