using Espalier.DcVit;
using Espalier.Finetuning;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Tests.Finetuning;

public class FeatureMimicTests : TorchTest
{
    private static readonly BlockCompression s_method = new(BlockVariant.Compress, MlpInit.RandomSample, 95, NormEps: null, Seed: 7);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Finetuning_before_moves_the_front_and_leaves_the_rest_and_the_teacher(bool trainNorm)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 2, 0);
        using var teacherBefore = teacher.Clone();
        using var before = student.Clone();
        Finetune(teacher, student, FeaturePoint.PreGap, [2], trainNorm);
        // Blocks 0 to 3 are the front: e = 2 + 1.
        student.Weights.Differences(before.Weights).ShouldBe(student.Weights.Keys.Where(name =>
            !name.StartsWith("blocks.4.") && !name.StartsWith("blocks.5.") && !name.StartsWith("head.") && (trainNorm || !name.StartsWith("norm."))));
        teacher.Weights.Differences(teacherBefore.Weights).ShouldBeEmpty();
        teacher.Weights.Values.Concat(student.Weights.Values).ShouldAllBe(t => !t.RequiresGrad && t.Grad == null);
    }

    [Fact]
    public void The_next_step_carries_every_tensor_outside_its_block_over()
    {
        using var teacher = TestNets.Tiny(1);
        using var first = s_method.Apply(teacher, 3, 0);
        Finetune(teacher, first, FeaturePoint.PreGap, [3]);
        using var second = s_method.Apply(first, 1, 1);
        second.Weights.Differences(first.Weights).ShouldAllBe(name => name.StartsWith("blocks.1."));
        second.Weights["blocks.1.norm2.weight"].BitEquals(first.Weights["blocks.1.norm2.weight"]).ShouldBeTrue();
        second.Architecture.Blocks[3].MlpHidden.ShouldBe(95);
        second.Weights["blocks.1.norm2.weight"].BitEquals(teacher.Weights["blocks.1.norm2.weight"]).ShouldBeFalse("step 1 had moved it");
    }

    [Theory]
    [InlineData(FeaturePoint.PreGap)]
    [InlineData(FeaturePoint.AfterGap)]
    [InlineData(FeaturePoint.MiddleBlock)]
    public void Every_feature_point_draws_the_student_nearer(FeaturePoint point)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 2, 0);
        var losses = Finetune(teacher, student, point, [2], trainNorm: point != FeaturePoint.MiddleBlock, steps: 30);
        losses[^1].ShouldBeLessThan(losses[0] * 0.8);
    }

    [Fact]
    public void The_loss_is_the_mean_squared_difference_at_the_feature_point()
    {
        using var noGrad = new NoGrad();
        using var teacher = TestNets.Tiny(1);
        using var student = s_method.Apply(teacher, 2, 0);
        var pixels = TestNets.Pixels(teacher.Architecture, 3, 1);
        Loss(FeaturePoint.PreGap).ShouldBe(Mean(teacher.Features(pixels), student.Features(pixels)), 1e-5);
        Loss(FeaturePoint.AfterGap).ShouldBe(Mean(teacher.Features(pixels).Select(1, 0), student.Features(pixels).Select(1, 0)), 1e-5);
        // Blocks after e = 3 play no part, so a network that ends there has the same loss.
        Loss(FeaturePoint.MiddleBlock).ShouldBe(Mean(Front(teacher), Front(student)), 1e-5);
        new FeatureMimic(teacher, teacher, FeaturePoint.PreGap, 3, []).Loss(new TensorBatch(pixels, null), 0).Item().ShouldBe(0);

        double Loss(FeaturePoint point) => new FeatureMimic(teacher, student, point, 3, []).Loss(new TensorBatch(pixels, null), 0).Item();

        Tensor Front(VitModel model) => model.Block(3, model.Block(2, model.Block(1, model.Block(0, model.Embed(pixels)))));

        static double Mean(Tensor a, Tensor b) => a.ToArray<double>().Zip(b.ToArray<double>(), (x, y) => (x - y) * (x - y)).Average();
    }

    [Fact]
    public void All_tokens_take_part_before_pooling_and_the_class_token_alone_after()
    {
        using var teacher = TestNets.Tiny(1);
        var pixels = TestNets.Pixels(teacher.Architecture, 2, 1);
        new FeatureMimic(teacher, teacher, FeaturePoint.PreGap, 3, []).Feature(teacher, pixels).Shape.ShouldBe([2, 17, 64]);
        new FeatureMimic(teacher, teacher, FeaturePoint.AfterGap, 3, []).Feature(teacher, pixels).Shape.ShouldBe([2, 64]);
        new FeatureMimic(teacher, teacher, FeaturePoint.MiddleBlock, 3, []).Feature(teacher, pixels).Shape.ShouldBe([2, 17, 64]);
    }

    private static List<double> Finetune(VitModel teacher, VitModel student, FeaturePoint point, int[] compressed, bool trainNorm = true, int steps = 5)
    {
        var losses = new List<double>();
        var e = UpdateRanges.LastBlock(compressed, student.Architecture.Depth);
        var names = UpdateRanges.Names(student, UpdateRange.Before, compressed, e, trainNorm, reach: point == FeaturePoint.MiddleBlock ? e : 5);
        using var batches = new ImageBatches(TestNets.Images(8, 32, 3, 10, 1), new EvalTransform(teacher.Preprocessing), new LoaderOptions { BatchSize = 8 });
        var options = new TrainingOptions
        {
            Steps = steps, LearningRate = new LearningRate { Peak = 1e-3 }, Adam = new AdamOptions { WeightDecay = 1e-4 },
        };
        using var loop = new TrainingLoop(new FeatureMimic(teacher, student, point, e, names), batches, options) { OnStep = r => losses.Add(r.Loss) };
        loop.Run();
        loop.Finish();
        return losses;
    }
}
