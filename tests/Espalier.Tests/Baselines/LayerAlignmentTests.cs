using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Repair;
using Espalier.Tests.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Baselines;

/// <summary>FSKD and cross distillation: what they solve is a least, found exactly.</summary>
public class LayerAlignmentTests : TorchTest
{
    private static UnitCut Units => new(UnitRule.Magnitude, seed: 0);

    public static TheoryData<AlignmentRule, string> Cases => new()
    {
        { AlignmentRule.Fskd, "basic" },
        { AlignmentRule.Fskd, "inverted residual" },
        { AlignmentRule.Fskd, "bottleneck" },
        { AlignmentRule.CrossDistillation, "basic" },
        { AlignmentRule.CrossDistillation, "inverted residual" },
        { AlignmentRule.CrossDistillation, "bottleneck" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_network_has_the_planned_widths_and_answers_more_like_the_teacher(AlignmentRule rule, string kind)
    {
        using var teacher = SmallCnns.OfKind(kind);
        var target = EvenWidthsMethod.Structure(teacher.Architecture, new Target(TargetForm.KeepMacs, 0.7), []);
        using var aligned = Align(teacher, rule, target);
        using var cut = Units.Apply(teacher, target);
        aligned.Architecture.Blocks.ShouldBe(target.Blocks);
        double Error(Model model) => Distance(model.Answer(Pixels(teacher)), teacher.Answer(Pixels(teacher)));
        Error(aligned).ShouldBeLessThan(0.8 * Error(cut));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_is_not_narrowed_stays_the_teacher(AlignmentRule rule, string kind)
    {
        using var teacher = SmallCnns.OfKind(kind);
        using var aligned = Align(teacher, rule, teacher.Architecture);
        if (rule == AlignmentRule.CrossDistillation) aligned.Weights.Differences(teacher.Weights).ShouldBeEmpty();
        var answer = teacher.Answer(Pixels(teacher));
        Distance(aligned.Answer(Pixels(teacher)), answer).ShouldBeLessThan(1e-3 * answer.Abs().Max().Item());
    }

    // Whatever 1×1 convolution is put behind a block that FSKD has solved, the block is further off.
    [Theory]
    [InlineData("basic", 2)]
    [InlineData("inverted residual", 3)]
    [InlineData("bottleneck", 1)]
    public void No_mixing_of_a_blocks_outputs_is_better_than_that_of_fskd(string kind, int block)
    {
        using var noGrad = new NoGrad();
        using var teacher = SmallCnns.OfKind(kind);
        using var aligned = Align(teacher, AlignmentRule.Fskd, Halved(teacher.Architecture));
        var pixels = Pixels(teacher);
        var (x, wanted) = (aligned.Blocks(aligned.Stem(pixels), 0, block), teacher.Sum(block, teacher.Blocks(teacher.Stem(pixels), 0, block)));
        double Error(CnnModel model) => Functional.MseLoss(model.Sum(block, x), wanted).Item();
        var (map, least) = (aligned.Map(block, ^1), Error(aligned));
        var outputs = map.Matrix.Size(0);
        TorchRuntime.Seed(5);
        foreach (var size in new[] { 0.003, 0.03 })
            for (var k = 0; k < 6; k++)
            {
                var mix = Tensor.Eye(outputs, DType.Float64) + Tensor.RandN([outputs, outputs]).To(DType.Float64) * size;
                using var other = aligned.ReplaceLayer(block, ^1, mix.MatMul(map.Matrix), mix.MatMul(map.Offset) + Tensor.RandN([outputs]).To(DType.Float64) * size);
                Error(other).ShouldBeGreaterThan(least);
            }
    }

    // The loss of cross distillation, written down by forward passes alone.
    [Theory]
    [InlineData("basic", 2, 1)]
    [InlineData("inverted residual", 3, 2)]
    [InlineData("bottleneck", 2, 1)]
    public void No_other_convolution_has_less_of_both_errors_than_that_of_cross_distillation(string kind, int block, int layer)
    {
        using var noGrad = new NoGrad();
        using var teacher = SmallCnns.OfKind(kind);
        using var aligned = Align(teacher, AlignmentRule.CrossDistillation, Halved(teacher.Architecture));
        var (last, first) = Units.Channels(teacher, block, aligned.Architecture.Blocks[block].Hidden);
        var (kept, pixels) = (first.Length > 0 ? first : last, Pixels(teacher));
        // Ahead of this layer the student's block is still the teacher's: what is cut are the inputs of the layer, and of the middle of a bottleneck outputs, too.
        Tensor[] inputs = [.. new Model[] { teacher, aligned }.Select(before => teacher.Before(block, layer, before.Blocks(before.Stem(pixels), 0, block)))];
        double Error(CnnModel model) => inputs.Sum(x =>
        {
            var wanted = teacher.Linear(block, layer, x);
            return Functional.MseLoss(model.Linear(block, layer, x.IndexSelect(1, kept)), first.Length > 0 ? wanted.IndexSelect(1, last) : wanted).Item();
        });
        var (weight, least) = (aligned.Convolutions(block)[layer], Error(aligned));
        TorchRuntime.Seed(5);
        foreach (var size in new[] { 0.01, 0.1 })
            for (var k = 0; k < 6; k++)
            {
                using var other = aligned.Clone();
                other.Convolutions(block)[layer].CopyFrom(weight + Tensor.RandN(weight.Shape) * (size * weight.Abs().Mean().Item()));
                Error(other).ShouldBeGreaterThan(least);
            }
    }

    // Every channel twice: one of each pair can be left out, and least squares find out how.
    [Theory]
    [InlineData(AlignmentRule.CrossDistillation)]
    [InlineData(AlignmentRule.Fskd)]
    public void What_is_redundant_is_made_up_for_exactly(AlignmentRule rule)
    {
        using var noGrad = new NoGrad();
        using var teacher = SmallCnns.Fresh("fashion-resnet");
        const int Block = 1;
        foreach (var tensor in new[] { "conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var" }.Select(end => teacher.Weights["layer1.1." + end]))
            tensor.Narrow(0, 8, 8).CopyFrom(tensor.Narrow(0, 0, 8));
        // The second of each pair counts for less and goes; a mixing of outputs can scale what is left.
        var columns = teacher.Weights["layer1.1.conv2.weight"];
        columns.Narrow(1, 8, 8).CopyFrom(columns.Narrow(1, 0, 8) * 0.5);
        Units.Channels(teacher, Block, 8).Last.ShouldBe([.. Enumerable.Range(0, 8)]);
        var target = teacher.Architecture with { Blocks = teacher.Architecture.Blocks.SetItem(Block, teacher.Architecture.Blocks[Block] with { Hidden = 8 }) };
        using var aligned = Align(teacher, rule, target);
        var answer = teacher.Answer(Pixels(teacher));
        Distance(aligned.Answer(Pixels(teacher)), answer).ShouldBeLessThan(2e-3 * answer.Abs().Max().Item());
    }

    [Fact]
    public void A_walk_that_is_cancelled_leaves_no_tensor()
    {
        using var teacher = SmallCnns.Fresh("fashion-resnet");
        using var calibration = new Calibration(Images(teacher), teacher);
        var before = Tensor.LiveCount;
        Should.Throw<OperationCanceledException>(() =>
            new LayerAlignment(teacher, AlignmentRule.Fskd, Units).Run(teacher.Architecture, calibration, new CancellationToken(canceled: true)));
        Tensor.LiveCount.ShouldBe(before);
    }

    private static CnnModel Align(CnnModel teacher, AlignmentRule rule, CnnArchitecture target)
    {
        using var calibration = new Calibration(Images(teacher), teacher);
        return new LayerAlignment(teacher, rule, Units).Run(target, calibration);
    }

    private static ImageDataset Images(CnnModel model) => TestNets.Images(60, model.Architecture.ImageSize, 1, model.Architecture.Classes, 1);

    private static Tensor Pixels(CnnModel model) => ImageTensors.Load(Images(model), model.Preprocessing);

    private static CnnArchitecture Halved(CnnArchitecture net) =>
        net with { Blocks = [.. net.Blocks.Select(b => b.HasInnerChannels ? b with { Hidden = b.Hidden / 2 } : b)] };
}
