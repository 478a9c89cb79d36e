using Espalier.Baselines;
using Espalier.MetricSets;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Tests.Baselines;

public class AdaptorsTests : TorchTest
{
    private const int Dropped = 3;

    private static Tensor Pixels(ulong seed = 5)
    {
        TorchRuntime.Seed(seed);
        return Tensor.RandN([4, 3, 32, 32]);
    }

    [Fact]
    public void New_adaptors_change_nothing()
    {
        using var noGrad = new NoGrad();
        using var student = TestNets.Tiny(1).DropBlockAndDispose(Dropped);
        using var adaptors = new Adaptors(student, Dropped);
        // After fc2 of blocks 0 to 2, ahead of qkv of blocks 4 and 5; weight and bias each.
        adaptors.Parameters.Count.ShouldBe(2 * 5);
        using var folded = adaptors.Fold(student);
        foreach (var (name, tensor) in student.Weights) folded.Weights[name].BitEquals(tensor).ShouldBeTrue(name);
        folded.Logits(Pixels()).BitEquals(student.Logits(Pixels())).ShouldBeTrue();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    public void Folding_is_the_same_as_layers_of_their_own(int dropped)
    {
        using var noGrad = new NoGrad();
        using var student = TestNets.Tiny(1).DropBlockAndDispose(dropped);
        using var adaptors = new Adaptors(student, dropped);
        TorchRuntime.Seed(9);
        foreach (var tensor in adaptors.Parameters) tensor.AddInPlace(Tensor.RandN(tensor.Shape), 0.1);
        using var folded = adaptors.Fold(student);

        var layers = new Queue<(Tensor Weight, Tensor Bias)>(adaptors.Parameters.Chunk(2).Select(pair => (pair[0], pair[1])));
        var x = student.Embed(Pixels());
        for (var i = 0; i < student.Architecture.Depth; i++)
        {
            if (i == dropped) continue;
            var (before, after) = (i < dropped, i > dropped);
            var seen = student.AttentionInput(i, x);
            if (after) seen = Adapt(seen);
            x += student.HeadOutputs(i, seen).Linear(student.Weights[$"blocks.{i}.attn.proj.weight"], student.Weights[$"blocks.{i}.attn.proj.bias"]);
            var mlp = student.MlpHidden(i, x).Linear(student.Weights[$"blocks.{i}.mlp.fc2.weight"], student.Weights[$"blocks.{i}.mlp.fc2.bias"]);
            x += before ? Adapt(mlp) : mlp;
        }
        layers.ShouldBeEmpty();
        var apart = student.Head(student.Norm(x));
        Distance(folded.Logits(Pixels()), apart).ShouldBeLessThan(1e-4 * apart.Abs().Max().Item());
        Distance(apart, student.Logits(Pixels())).ShouldBeGreaterThan(0.01, "these adaptors change something");

        Tensor Adapt(Tensor t)
        {
            var (weight, bias) = layers.Dequeue();
            return t.Linear(weight, bias);
        }
    }

    [Theory]
    [InlineData(MetricKind.Kl)]
    [InlineData(MetricKind.Mse)]
    public void Recovery_learns_only_what_folds_into_the_neighbours_and_leaves_it_in_the_student(MetricKind kind)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = teacher.DropBlock(Dropped);
        using var before = student.Clone();
        var pixels = Pixels();
        var task = new Practise(kind).Task(teacher, student, [Dropped]);
        using (task as IDisposable)
        {
            double Loss()
            {
                using var scope = new TensorScope();
                return task.Loss(new TensorBatch(pixels, null), 0).Item();
            }

            foreach (var parameter in task.Parameters) parameter.RequiresGrad = true;
            var first = Loss();
            using (var optimizer = new AdamW(task.Parameters, 1e-2, new AdamOptions()))
                for (var step = 0; step < 30; step++)
                {
                    using var scope = new TensorScope();
                    task.Loss(new TensorBatch(pixels, null), step).Backward();
                    optimizer.Step();
                }
            var last = Loss();
            last.ShouldBeLessThan(0.8 * first);
            foreach (var parameter in task.Parameters) parameter.RequiresGrad = false;
            student.Weights.Differences(before.Weights).ShouldBeEmpty();

            using (new NoGrad()) task.Finish();
            student.Weights.Differences(before.Weights).ShouldBe(
                student.Weights.Keys.Where(name => (name.Contains("mlp.fc2") && Block(name) < Dropped) || (name.Contains("attn.qkv") && Block(name) > Dropped)));
            // What was folded is what was trained: the plain student is as far from the teacher as the adapted one was.
            using var noGrad = new NoGrad();
            var own = kind == MetricKind.Kl
                ? Functional.KlPerSample(teacher.Logits(pixels), student.Logits(pixels)).Mean() : Functional.MseLoss(student.Features(pixels), teacher.Features(pixels));
            own.Item().ShouldBe(last, 1e-4 * first);
        }
    }

    private static int Block(string name) => int.Parse(name.Split('.')[1]);
}

internal static class DroppedBlocks
{
    public static VitModel DropBlockAndDispose(this VitModel model, int block)
    {
        using (model) return model.DropBlock(block);
    }
}
