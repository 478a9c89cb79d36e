using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Tests.Training;

public class ParameterGroupTests : TorchTest
{
    private static readonly TrainingOptions s_options = new()
    {
        Steps = 20, LearningRate = new LearningRate { Peak = 0.05 }, ClipNorm = 0.3, Adam = new AdamOptions { WeightDecay = 0.1 },
    };

    [Fact]
    public void Groups_of_equal_settings_are_one()
    {
        using var one = new Task();
        using var two = new Task { Split = true };
        Run(one, s_options);
        Run(two, s_options);
        two.Values.ShouldBe(one.Values);
    }

    [Fact]
    public void A_group_has_its_own_decay_and_scale()
    {
        using var toy = new Task { Split = true, Bias = group => group with { Adam = new AdamOptions(), Scale = 0 } };
        Run(toy, s_options);
        toy.Toy.Bias.ToArray<float>().ShouldAllBe(b => b == 0);
        toy.Toy.Weight.ToArray<float>().ShouldContain(w => w != 0);
    }

    [Fact]
    public void Batches_may_be_added_up_to_a_step()
    {
        using var toy = new Task();
        using (var loop = new TrainingLoop(toy, toy.Toy, s_options with { Steps = 1, Accumulate = 3, Optimizer = OptimizerKind.Sgd, Momentum = 0, ClipNorm = null }))
        {
            loop.Run();
            loop.Step.ShouldBe(1);
        }
        toy.Toy.Seen.ShouldBe([0L, 1, 2]);
        toy.Numbers.ShouldBe([0L, 1, 2]);
        // The same as the mean of three gradients.
        var sums = new float[toy.Values.Length];
        for (var batch = 0; batch < 3; batch++)
        {
            using var single = new Task();
            single.Toy.Seek(batch);
            using var loop = new TrainingLoop(single, single.Toy, s_options with { Steps = 1, Optimizer = OptimizerKind.Sgd, Momentum = 0, ClipNorm = null });
            loop.Run();
            sums = [.. sums.Zip(single.Values).Select(p => p.First + p.Second / 3)];
        }
        toy.Values.Zip(sums).ShouldAllBe(p => Math.Abs(p.First - p.Second) < 1e-6);
    }

    /// <summary>Columns whose inputs are not used can be cut in the middle: the rest goes on as if they had never been there.</summary>
    [Fact]
    public void Cut_parameters_go_on_with_cut_moments()
    {
        using var whole = new Task { Used = 4 };
        using var cut = new Task { Used = 4, CutAt = 7 };
        Run(whole, s_options with { ClipNorm = null });
        Run(cut, s_options with { ClipNorm = null });
        cut.Toy.Weight.Shape.ShouldBe([2, 6]);
        cut.Narrow!.ToArray<float>().ShouldBe(whole.Toy.Weight.Narrow(1, 0, 4).Contiguous().ToArray<float>());
    }

    [Fact]
    public void Layer_decay_gives_each_block_its_rate()
    {
        using var model = TestNets.Model(VitArchitecture.Uniform("t", 8, 4, 1, 8, 12, 2, 3), 1);
        var task = new SupervisedTask(model, new MixUp(), 0, 1) { LayerDecay = 0.95 };
        var groups = ((ITrainingTask)task).Groups;
        double Scale(string name) => groups.Single(g => g.Tensors.Any(t => t.Key == name)).Scale;
        Scale("patch_embed.proj.weight").ShouldBe(.5133, 1e-4);
        Scale("pos_embed").ShouldBe(.5133, 1e-4);
        Scale("blocks.0.attn.qkv.weight").ShouldBe(.5404, 1e-4);
        Scale("blocks.5.mlp.fc1.bias").ShouldBe(.6983, 1e-4);
        Scale("blocks.11.norm2.weight").ShouldBe(.95, 1e-12);
        Scale("head.weight").ShouldBe(1);
        groups.Where(g => g.Adam is not null).SelectMany(g => g.Tensors).ShouldAllBe(t => t.Value.Shape.Length == 1 || t.Key == "cls_token" || t.Key == "pos_embed");
        groups.Sum(g => g.Tensors.Count).ShouldBe(model.Weights.Count);
        task.Parameters.Count.ShouldBe(model.Weights.Count);
    }

    private static void Run(Task task, TrainingOptions options)
    {
        using var loop = new TrainingLoop(task, task.Toy, options);
        loop.Run();
        loop.Finish();
    }

    private sealed class Task : ITrainingTask, IDisposable
    {
        public Toy Toy { get; } = new();

        public bool Split { get; init; }

        /// <summary>Inputs that matter; the others are 0.</summary>
        public int Used { get; init; } = 6;

        public long? CutAt { get; init; }

        public Tensor? Narrow { get; private set; }

        public Func<ParameterGroup, ParameterGroup> Bias { get; init; } = g => g;

        public List<long> Numbers { get; } = [];

        public float[] Values => Toy.Values;

        private Tensor Weight => Narrow ?? Toy.Weight;

        public IReadOnlyList<Tensor> Parameters => [Weight, Toy.Bias];

        IReadOnlyList<ParameterGroup> ITrainingTask.Groups
        {
            get
            {
                var (weight, bias) = (KeyValuePair.Create("weight", Weight), KeyValuePair.Create("bias", Toy.Bias));
                return Split ? [new("weight", [weight]), Bias(new("bias", [bias]))] : [new("all", [weight, bias])];
            }
        }

        public Tensor Loss(TensorBatch batch, long step)
        {
            Numbers.Add(step);
            if (Used == 6) return Toy.Loss(batch, step);
            var pixels = batch.Pixels.Narrow(1, 0, Used);
            if (Narrow is null) pixels = Tensor.Cat([pixels, Tensor.Zeros([batch.Pixels.Size(0), 6 - Used])], 1);
            return Functional.CrossEntropy(pixels.Linear(Weight, Toy.Bias), batch.Labels!);
        }

        public StateCarry? Reshape(long step)
        {
            if (step != CutAt) return null;
            int[] kept = [.. Enumerable.Range(0, Used)];
            Narrow = TensorScope.Release(Toy.Weight.Detach().IndexSelect(1, kept));
            return (name, state) => name == "weight" ? state.IndexSelect(1, kept) : state;
        }

        public void Dispose()
        {
            Narrow?.Dispose();
            Toy.Dispose();
        }
    }
}
