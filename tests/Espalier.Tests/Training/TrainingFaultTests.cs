using Espalier.Evaluation;
using Espalier.MetricSets;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Tests.Training;

/// <summary>What a loop leaves when a loss is no number, memory runs out, or the process ends after the last step.</summary>
public class TrainingFaultTests : TorchTest
{
    private const long Beyond = 1L << 48;
    private static readonly TrainingOptions s_options = new() { Steps = 40, LearningRate = new LearningRate { Peak = 0.1 }, EmaDecay = 0.9 };

    [Fact]
    public void A_loss_that_is_no_number_leaves_the_state_before_it()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        using (var bad = new Toy { NaNAt = 17 })
        using (var loop = new TrainingLoop(bad, bad, s_options) { Checkpoint = checkpoint })
            Should.Throw<FailureException>(() => loop.Run()).Message.ShouldContain("; the last state in which all was finite is kept; lower");
        checkpoint.Load().ShouldNotBeNull().Step.ShouldBe(17);

        using Toy whole = new(), resumed = new();
        Run(whole, null);
        Run(resumed, checkpoint);
        resumed.Seen[0].ShouldBe(17);
        resumed.Values.ShouldBe(whole.Values);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    public void Weights_that_are_no_numbers_are_named_and_never_saved(long at)
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(folder["state"], TimeSpan.Zero, TimeProvider.System);
        using var poisoned = new Poisoned(at);
        using var loop = new TrainingLoop(poisoned, poisoned.Toy, s_options) { Checkpoint = checkpoint };
        var error = Should.Throw<FailureException>(() => loop.Run()).Message;
        error.ShouldStartWith($"head.bias became NaN or infinite up to step {at} of 40");
        using var file = SafetensorsFile.Open(folder["state"]);
        file.Metadata["step"].ShouldBe($"{at - 1}");
        file.Infos.ShouldAllBe(i => file.ReadFloats(i.Name).All(float.IsFinite));
    }

    [Fact]
    public void Statistics_of_a_step_whose_loss_is_no_number_are_not_saved()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        using var counting = new Counting(new Toy { NaNAt = 4 });
        using var loop = new TrainingLoop(counting, counting.Toy, s_options) { Checkpoint = checkpoint };
        Should.Throw<FailureException>(() => loop.Run());
        var saved = checkpoint.Load().ShouldNotBeNull();
        (saved.Step, saved.State[^1].Item()).ShouldBe((4L, 4.0));
    }

    [Fact]
    public void Statistics_that_are_no_numbers_are_never_saved()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(folder["state"], TimeSpan.Zero, TimeProvider.System);
        using var counting = new Counting(new Toy()) { BreaksAt = 4 };
        using var loop = new TrainingLoop(counting, counting.Toy, s_options) { Checkpoint = checkpoint };
        Should.Throw<FailureException>(() => loop.Run()).Message.ShouldStartWith("a running statistic became NaN or infinite");
        checkpoint.Load().ShouldNotBeNull().Step.ShouldBe(4);
    }

    [Fact]
    public void A_process_lost_while_parameters_are_exchanged_leaves_the_last_saved_state()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(folder["state"], TimeSpan.Zero, TimeProvider.System);
        using var exchanging = new Exchanging(lostAt: 5);
        using var loop = new TrainingLoop(exchanging, exchanging.Toy, s_options) { Checkpoint = checkpoint };
        Should.Throw<LostProcessException>(() => loop.Run());
        checkpoint.Load().ShouldNotBeNull().Step.ShouldBe(4);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    [InlineData(30)]
    public void A_curve_has_as_many_points_as_it_can_however_seldom_losses_are_read(int every)
    {
        var curve = new LossCurve(9_800);
        for (var step = every; step <= 9_800; step += every) curve.Add(step, step);
        if (curve.Step < 9_800) curve.Add(9_800, 9_800);
        curve.Points.Count.ShouldBeInRange(195, 205);
        curve.Points.Zip(curve.Points.Skip(1), (a, b) => b.Step - a.Step).SkipLast(1).ShouldAllBe(gap => Math.Abs(gap - 49) < every);
        curve.Points.Zip(curve.Points.Skip(1), (a, b) => b.Loss > a.Step && b.Loss <= b.Step).ShouldAllBe(within => within);
    }

    [Fact]
    public void Memory_that_runs_out_is_told_with_the_batch_and_what_was_learnt_is_saved()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        using var greedy = new Greedy();
        using var loop = new TrainingLoop(greedy, greedy.Toy, s_options) { Checkpoint = checkpoint };
        var error = Should.Throw<FailureException>(() => loop.Run());
        error.Message.ShouldBe("Out of memory at step 4 of 40 with a batch of 8; give a smaller batch or a smaller model.");
        error.InnerException.ShouldBeOfType<TorchOutOfMemoryException>();
        checkpoint.Load().ShouldNotBeNull().Step.ShouldBe(3);
    }

    [Fact]
    public void A_batch_that_is_too_large_to_look_at_is_taken_in_halves()
    {
        List<long> tried = [];
        var halves = new Halves(rows =>
        {
            tried.Add(rows.Size(0));
            if (rows.Size(0) > 3) Tensor.Zeros([Beyond]);
            return rows * 2;
        });
        var x = Range(10, 4);
        Distance(halves.Run(x), x * 2).ShouldBe(0);
        tried.ShouldBe([10, 5, 2, 1, 2, 2, 1, 2], "once it is known how many fit, no more are tried");
        tried.Clear();
        halves.Run(x);
        tried.ShouldNotContain(10);
        Should.Throw<FailureException>(() => new Halves(_ => Tensor.Zeros([Beyond])).Run(x)).Message.ShouldContain("a single image");
    }

    [Fact]
    public void A_curve_is_whole_and_the_last_step_known_however_often_a_run_was_stopped()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = new Checkpoint(folder["state"], TimeSpan.Zero, TimeProvider.System);
        var (whole, broken) = (new LossCurve(40, points: 5), new LossCurve(40, points: 5));
        using (var toy = new Toy())
        using (var loop = new TrainingLoop(toy, toy, s_options) { Curve = whole }) loop.Run();
        foreach (var failAt in new long?[] { 3, 20, 39, null, null })
        {
            broken = new LossCurve(40, points: 5);
            using var toy = new Toy { FailAt = failAt };
            using var loop = new TrainingLoop(toy, toy, s_options) { Curve = broken, Checkpoint = checkpoint };
            if (failAt is null) loop.Run();
            else Should.Throw<IOException>(() => loop.Run());
        }
        (broken.Step, broken.Points.Count).ShouldBe((40L, 5));
        broken.Points.ShouldBe(whole.Points);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 2")]
    [InlineData("1 2 x")]
    [InlineData("1 2 0.5 7")]
    public void A_damaged_curve_is_an_invalid_input(string text) => Should.Throw<InputException>(() => new LossCurve(40).Restore(text));

    [Fact]
    public void A_damaged_checkpoint_is_an_invalid_input_that_is_named()
    {
        using var folder = new TemporaryFolder();
        var checkpoint = Never(folder);
        using var toy = new Toy();
        checkpoint.Save(toy.Parameters, 7);
        var whole = File.ReadAllBytes(checkpoint.Path);
        foreach (var length in new[] { 0, 5, whole.Length / 2, whole.Length - 1 })
        {
            File.WriteAllBytes(checkpoint.Path, whole[..length]);
            Should.Throw<InputException>(() => checkpoint.Load()).Message.ShouldContain(checkpoint.Path);
        }
        SafetensorsWriter.Write(checkpoint.Path, new Dictionary<string, Tensor> { ["00000"] = toy.Weight }.ToTensorData(), new Dictionary<string, string> { ["step"] = "soon" });
        Should.Throw<InputException>(() => checkpoint.Load()).Message.ShouldContain("names no step");
    }

    [Fact]
    public void A_synthesis_goes_on_to_the_same_images()
    {
        using var folder = new TemporaryFolder();
        using var teacher = TestNets.Tiny(1);
        var options = new SynthesisOptions { Images = 4, Steps = 30, Seed = 5 };
        var (whole, _) = Inversion.Run(teacher, options);
        using var stop = new CancellationTokenSource();
        Should.Throw<OperationCanceledException>(() =>
            Inversion.Run(teacher, options, new(report => { if (report.Step == 21) stop.Cancel(); }, Checkpoint: Never(folder)), stop.Token));
        long first = 0;
        var (resumed, _) = Inversion.Run(teacher, options, new(report => first = first == 0 ? report.Step : first, Checkpoint: Never(folder)));
        first.ShouldBe(22);
        resumed.BitEquals(whole).ShouldBeTrue();
    }

    private static Checkpoint Never(TemporaryFolder folder) => new(folder["state"], TimeSpan.FromDays(1), TimeProvider.System);

    private static void Run(Toy toy, Checkpoint? checkpoint)
    {
        using var loop = new TrainingLoop(toy, toy, s_options) { Checkpoint = checkpoint };
        loop.Run();
    }

    /// <summary>After a step a weight is no number, as after a gradient that was none.</summary>
    private sealed class Poisoned(long at) : ITrainingTask, IDisposable
    {
        public Toy Toy { get; } = new();

        public IReadOnlyList<Tensor> Parameters => Toy.Parameters;

        public IReadOnlyList<ParameterGroup> Groups => [new("all", [new("head.weight", Toy.Weight), new("head.bias", Toy.Bias)])];

        public Tensor Loss(TensorBatch batch, long step) => Toy.Loss(batch, step);

        public void AfterStep(long step, double? loss)
        {
            if (step == at) Toy.Bias.CopyFrom(Tensor.From<float>([float.PositiveInfinity, 0], 2));
        }

        public void Dispose() => Toy.Dispose();
    }

    /// <summary>Counts its batches as a BatchNorm counts statistics: on the way to the loss.</summary>
    private sealed class Counting(Toy toy) : ITrainingTask, IDisposable
    {
        private readonly Tensor _count = TensorScope.Release(Tensor.Zeros([1]));

        public Toy Toy => toy;

        public long? BreaksAt { get; init; }

        public IReadOnlyList<Tensor> Parameters => toy.Parameters;

        public IReadOnlyList<Tensor> Buffers => [_count];

        public Tensor Loss(TensorBatch batch, long step)
        {
            using (new NoGrad()) _count.AddInPlace(step == BreaksAt ? Tensor.Ones([1]) * double.NaN : Tensor.Ones([1]), 1);
            return toy.Loss(batch, step);
        }

        public void Dispose()
        {
            _count.Dispose();
            toy.Dispose();
        }
    }

    /// <summary>Another process goes while all of them exchange their parameters.</summary>
    private sealed class Exchanging(long lostAt) : ITrainingTask, IDisposable
    {
        public Toy Toy { get; } = new();

        public IReadOnlyList<Tensor> Parameters => Toy.Parameters;

        public Tensor Loss(TensorBatch batch, long step) => Toy.Loss(batch, step);

        public StateCarry? Reshape(long step)
        {
            if (step != lostAt) return null;
            Toy.Weight.CopyFrom(Toy.Weight * 2);
            throw new LostProcessException("Process 1 is gone.");
        }

        public void Dispose() => Toy.Dispose();
    }

    private sealed class Greedy : ITrainingTask, IDisposable
    {
        public Toy Toy { get; } = new();

        public IReadOnlyList<Tensor> Parameters => Toy.Parameters;

        public Tensor Loss(TensorBatch batch, long step) => step == 3 ? Tensor.Zeros([Beyond]).Sum() : Toy.Loss(batch, step);

        public void Dispose() => Toy.Dispose();
    }
}
