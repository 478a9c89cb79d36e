using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>What a walk of cuts and repairs promises on convolutional networks of every kind.</summary>
public class CnnRepairTests : TorchTest
{
    public static TheoryData<string> Kinds => ["basic", "bottleneck", "inverted residual"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Where_a_solve_acts_the_error_is_never_above_that_of_the_cut_alone(string kind)
    {
        using var test = new Case(kind);
        using var student = test.Damaged();
        double repaired = 0, cut = 0;
        for (var block = 0; block < test.Net.Depth; block++)
            foreach (var strength in new double?[] { 1, null })
                foreach (var choice in Enum.GetValues<RepairUnitChoice>())
                {
                    if (!test.Net.Widths(block).Any() && choice != RepairUnitChoice.Elimination) continue;
                    // Nothing but this block is solved, so that its inputs are the same with and without.
                    var target = test.Halved(block);
                    var options = new RepairOptions { RefitWhole = false, Strength = strength, UnitChoice = choice };
                    using var after = test.Repaired(student, target, options);
                    using var before = test.Repaired(student, target, options with { Solve = false });
                    var (a, b) = (test.Error(after, block), test.Error(before, block));
                    a.ShouldBeLessThanOrEqualTo(b * (1 + 1e-5), $"block {block}, strength {strength}, {choice}");
                    (repaired, cut) = (repaired + a, cut + b);
                }
        repaired.ShouldBeLessThan(0.8 * cut);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nothing_near_a_solved_layer_is_closer_to_what_is_wanted(string kind)
    {
        using var test = new Case(kind);
        using var noGrad = new NoGrad();
        using var student = test.Damaged();
        const int Block = 2;
        using var solved = test.Repaired(student, test.Halved(Block), new RepairOptions { Strength = 1e-9, RefitWhole = false });
        var least = test.Error(solved, Block);
        var (map, offset, _, _) = solved.Map(Block, ^1);
        TorchRuntime.Seed(8);
        foreach (var size in new[] { 0.003, 0.03 })
            for (var k = 0; k < 6; k++)
            {
                using var scope = new TensorScope();
                using var moved = solved.ReplaceLayer(Block, ^1, map + Tensor.RandN(map.Shape).To(DType.Float64) * (size * map.Abs().Mean().Item()),
                    offset + Tensor.RandN(offset.Shape).To(DType.Float64) * (size * offset.Abs().Mean().Item()));
                test.Error(moved, Block).ShouldBeGreaterThan(least);
            }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_walk_brings_a_narrower_network_nearer_to_its_teacher(string kind)
    {
        using var test = new Case(kind);
        var target = Enumerable.Range(0, test.Net.Depth).Aggregate(test.Net, (net, i) => test.Halved(i, net));
        using var repaired = test.Repaired(test.Teacher, target, new RepairOptions());
        using var cut = test.Repaired(test.Teacher, target, new RepairOptions { Solve = false });
        repaired.Architecture.IsSame(target).ShouldBeTrue();
        repaired.Weights.Keys.ShouldBe(target.Tensors().Select(t => t.Name));
        test.Error(repaired, test.Net.Depth - 1).ShouldBeLessThan(0.7 * test.Error(cut, test.Net.Depth - 1));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Edits_that_remove_nothing_change_nothing(string kind)
    {
        using var test = new Case(kind);
        using var student = test.Damaged();
        using var same = test.Repaired(student, test.Net, new RepairOptions { Solve = false });
        same.Weights.Differences(student.Weights).ShouldBeEmpty();
        using var unfitted = test.Repaired(student, test.Net, new RepairOptions { RefitWhole = false });
        unfitted.Weights.Differences(student.Weights).ShouldBeEmpty();
        foreach (var strength in new double?[] { 1, null })
        {
            using var refitted = test.Repaired(test.Teacher, test.Net, new RepairOptions { Strength = strength });
            var (pixels, answer) = (test.Pixels, test.Teacher.Answer(test.Pixels));
            Distance(refitted.Answer(pixels), answer).ShouldBeLessThan(1e-3 * answer.Abs().Max().Item());
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_later_repair_makes_up_for_an_earlier_cut(string kind)
    {
        using var test = new Case(kind);
        using var student = test.Damaged();
        using var refitted = test.Repaired(student, test.Net, new RepairOptions());
        var last = test.Net.Depth - 1;
        test.Error(refitted, last).ShouldBeLessThan(0.95 * test.Error(student, last));
    }

    // Every inner channel of a block twice: whichever of a pair goes, the other can stand in, and elimination finds that out.
    [Theory]
    [InlineData("basic", 3)]
    [InlineData("bottleneck", 2)]
    [InlineData("inverted residual", 1)]
    public void Elimination_keeps_one_of_every_pair(string kind, int block)
    {
        using var test = new Case(kind);
        using var noGrad = new NoGrad();
        var half = test.Net.Blocks[block].Hidden / 2;
        foreach (var name in test.Teacher.BlockTensors(block).Where(n => test.Teacher.Weights[n].Size(0) == 2 * half))
            test.Teacher.Weights[name].Narrow(0, half, half).CopyFrom(test.Teacher.Weights[name].Narrow(0, 0, half));
        // A strength well above the rounding of fp32, by which the two of a pair differ where their maps are worked out in different lanes.
        using var repaired = test.Repaired(test.Teacher, test.Halved(block), new RepairOptions { Strength = 1e-4, RefitWhole = false });
        var (pixels, answer) = (TestNets.Pixels(test.Net, 4, 9), test.Teacher.Answer(TestNets.Pixels(test.Net, 4, 9)));
        Distance(repaired.Answer(pixels), answer).ShouldBeLessThan(5e-3 * answer.Abs().Max().Item());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_result_comes_back_from_disk_bit_for_bit_and_nothing_is_left_behind(string kind)
    {
        using var test = new Case(kind);
        using var folder = new TemporaryFolder();
        var live = Tensor.LiveCount;
        using (var result = test.Repaired(test.Teacher, test.Halved(1), new RepairOptions()))
        {
            Tensor.LiveCount.ShouldBe(live + result.Weights.Count);
            ModelFolder.Write(folder.Path, result);
            using var loaded = ModelSource.Open(folder.Path).Load();
            using var scope = new TensorScope();
            loaded.Answer(test.Pixels).BitEquals(result.Answer(test.Pixels)).ShouldBeTrue();
        }
        Tensor.LiveCount.ShouldBe(live);
        using var stop = new CancellationTokenSource();
        var stopped = new CnnRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions()) { OnBlock = _ => stop.Cancel() };
        Should.Throw<OperationCanceledException>(() => stopped.Run(test.Teacher, test.Halved(1), stop.Token));
        Tensor.LiveCount.ShouldBe(live);
    }

    [Fact]
    public void Dropped_blocks_stay_dropped_and_can_be_dropped_on_the_way()
    {
        using var test = new Case("basic");
        var target = test.Net with { Blocks = test.Net.Blocks.SetItem(1, test.Net.Blocks[1].Drop()) };
        using var dropped = test.Teacher.DropBlock(1);
        using var repaired = test.Repaired(dropped, target, new RepairOptions());
        using var onTheWay = test.Repaired(test.Teacher, target, new RepairOptions());
        onTheWay.Weights.Differences(repaired.Weights).ShouldBeEmpty();
        var last = test.Net.Depth - 1;
        test.Error(repaired, last).ShouldBeLessThan(0.9 * test.Error(dropped, last));
    }

    // A small network with norms that are not the identity, images of noise, and what a repair needs.
    private sealed class Case : IDisposable
    {
        public Case(string kind)
        {
            Teacher = SmallCnns.OfKind(kind);
            Images = TestNets.Images(24, Net.ImageSize, Net.Channels, 5, 1);
            Calibration = new Calibration(Images, Teacher);
            Sensitivity = Sensitivity.Measure(Teacher, Images, 1, CancellationToken.None);
        }

        public CnnModel Teacher { get; }

        public CnnArchitecture Net => Teacher.Architecture;

        public ImageDataset Images { get; }

        public Calibration Calibration { get; }

        public Sensitivity Sensitivity { get; }

        public Tensor Pixels => ImageTensors.Load(Images, Teacher.Preprocessing);

        /// <summary>The architecture with half the inner channels of a block, where it has any of its own.</summary>
        public CnnArchitecture Halved(int block, CnnArchitecture? net = null) =>
            (net ??= Net).Widths(block).Any() ? net.WithWidth(block, WidthKind.Hidden, net.Blocks[block].Hidden / 2) : net;

        /// <summary>The teacher with another stem: its maps differ before block 0 already.</summary>
        public CnnModel Damaged()
        {
            using var noGrad = new NoGrad();
            using var scope = new TensorScope();
            var (student, name) = (Teacher.Clone(), Net.Style == CnnStyle.ResNet ? "conv1.weight" : "conv_stem.weight");
            TorchRuntime.Seed(4);
            var weight = student.Weights[name];
            weight.AddInPlace(Tensor.RandN(weight.Shape), 0.2 * weight.Abs().Mean().Item());
            return student;
        }

        public CnnModel Repaired(CnnModel student, CnnArchitecture target, RepairOptions options) =>
            (CnnModel)RepairPass.Of(Teacher, Calibration, Sensitivity, options).Run(student, target);

        /// <summary>Σ w·‖teacher − student‖² over the calibration images, before the activation after the addition of a block.</summary>
        public double Error(CnnModel student, int block)
        {
            using var noGrad = new NoGrad();
            using var scope = new TensorScope();
            var difference = (Sum(Teacher) - Sum(student)).To(DType.Float64);
            return (difference * difference * Sensitivity.AfterBlock(block).Tokens.Reshape(1, -1, 1)).Sum().Item();

            Tensor Sum(CnnModel model) => model.AsTokens(model.Sum(block, model.Blocks(model.Stem(Pixels), 0, block)));
        }

        public void Dispose()
        {
            Teacher.Dispose();
            Calibration.Dispose();
            Sensitivity.Dispose();
        }
    }
}
