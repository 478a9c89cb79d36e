using Espalier.DcVit;
using Espalier.Finetuning;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Finetuning;

public class LocalRecoveryTests : TorchTest
{
    private static readonly BlockCompression s_method = new(BlockVariant.Compress, MlpInit.RandomSample, 95, NormEps: null, Seed: 7);
    private static readonly LocalRecovery s_recovery = new(lastUpdatable: null, batchStatistics: false);

    [Fact]
    public void Only_the_cut_block_and_the_one_behind_it_learn_and_they_draw_nearer()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 2, 0);
        using var teacherBefore = teacher.Clone();
        using var before = student.Clone();
        var losses = Train(teacher, student, [2], steps: 30);
        losses[^1].ShouldBeLessThan(losses[0] * 0.8);
        student.Weights.Differences(before.Weights).ShouldBe(student.Weights.Keys.Where(name => name.StartsWith("blocks.2.") || name.StartsWith("blocks.3.")), ignoreOrder: true);
        teacher.Weights.Differences(teacherBefore.Weights).ShouldBeEmpty();
        teacher.Weights.Values.Concat(student.Weights.Values).ShouldAllBe(t => !t.RequiresGrad && t.Grad == null);
    }

    [Theory]
    [InlineData(new[] { 2 })]
    [InlineData(new[] { 1, 3 })]
    public void The_loss_is_the_difference_after_the_block_behind_the_cut(int[] compressed)
    {
        // Without gradients; the student's own way to the last cut, which is the teacher's as long as nothing else was cut.
        using var noGrad = new NoGrad();
        using var teacher = TestNets.Tiny(1);
        using var student = Cut(teacher, compressed);
        var pixels = TestNets.Pixels(teacher.Architecture, 3, 1);
        var wanted = Functional.MseLoss(student.AfterBlock(compressed[^1] + 1, pixels), teacher.AfterBlock(compressed[^1] + 1, pixels)).Item();
        s_recovery.Task(teacher, student, compressed).Loss(new TensorBatch(pixels, null), 0).Item().ShouldBe(wanted, 1e-6 * wanted);
    }

    [Fact]
    public void A_last_block_that_may_be_trained_is_kept_to_but_the_cut_one_learns()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 4, 0);
        var task = new LocalRecovery(lastUpdatable: 2, batchStatistics: false).Task(teacher, student, [4]);
        task.Groups.ShouldHaveSingleItem().Tensors.Select(t => t.Key).ShouldAllBe(name => name.StartsWith("blocks.4."));
    }

    [Theory]
    [InlineData(1, new[] { 1, 2, 3 })]
    [InlineData(9, new[] { 0, 1, 2, 3 })]
    public void Blocks_before_the_cut_learn_when_asked_to(int before, int[] learning)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 2, 0);
        var pixels = TestNets.Pixels(teacher.Architecture, 3, 1);
        var task = new LocalRecovery(lastUpdatable: null, batchStatistics: false) { Before = before }.Task(teacher, student, [2]);
        task.Groups.ShouldHaveSingleItem().Tensors.Select(t => t.Key).ShouldBe(learning.SelectMany(student.BlockTensors), ignoreOrder: true);
        using var noGrad = new NoGrad();
        var wanted = Functional.MseLoss(student.AfterBlock(3, pixels), teacher.AfterBlock(3, pixels)).Item();
        task.Loss(new TensorBatch(pixels, null), 0).Item().ShouldBe(wanted, 1e-6 * wanted);
    }

    [Fact]
    public void Where_nothing_is_left_to_learn_the_block_before_learns()
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(5);
        s_recovery.Task(teacher, student, [5]).Groups.ShouldHaveSingleItem().Tensors.Select(t => t.Key).ShouldBe(student.BlockTensors(4));
    }

    private static VitModel Cut(VitModel teacher, int[] blocks)
    {
        var student = (VitModel)teacher.Clone();
        for (var t = 0; t < blocks.Length; t++)
            using (var before = student) student = s_method.Apply(before, blocks[t], t);
        return student;
    }

    private static List<double> Train(VitModel teacher, VitModel student, int[] compressed, int steps)
    {
        var losses = new List<double>();
        using var batches = new ImageBatches(TestNets.Images(8, 32, 3, 10, 1), new EvalTransform(teacher.Preprocessing), new LoaderOptions { BatchSize = 8 });
        var options = new TrainingOptions { Steps = steps, LearningRate = new LearningRate { Peak = 1e-3 } };
        using var loop = new TrainingLoop(s_recovery.Task(teacher, student, compressed), batches, options) { OnStep = r => losses.Add(r.Loss) };
        loop.Run();
        loop.Finish();
        return losses;
    }
}
