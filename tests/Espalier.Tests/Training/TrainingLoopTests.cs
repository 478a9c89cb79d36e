using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Tests.Training;

public class TrainingLoopTests : TorchTest
{
    private static readonly TrainingOptions s_options = new() { Steps = 60, LearningRate = new LearningRate { Peak = 0.1 } };

    [Theory]
    [InlineData(OptimizerKind.AdamW, 0.1)]
    [InlineData(OptimizerKind.Adam, 0.1)]
    [InlineData(OptimizerKind.Sgd, 0.3)]
    public void Every_optimizer_learns_an_easy_task(OptimizerKind kind, double rate)
    {
        using var toy = new Toy();
        var losses = Run(toy, s_options with { Optimizer = kind, LearningRate = new LearningRate { Peak = rate } });
        losses.Count.ShouldBe(60);
        losses[0].ShouldBe(Math.Log(2), 1e-6);
        losses.TakeLast(10).Average().ShouldBeLessThan(0.35);
    }

    [Fact]
    public void The_same_run_gives_the_same_bits()
    {
        using var one = new Toy();
        using var two = new Toy();
        Run(one, s_options).ShouldBe(Run(two, s_options));
        one.Values.ShouldBe(two.Values);
    }

    [Fact]
    public void Batches_and_hooks_come_once_a_step_and_in_order()
    {
        using var toy = new Toy();
        var reports = new List<StepReport>();
        using (var loop = new TrainingLoop(toy, toy, s_options with { Steps = 4 }) { OnStep = reports.Add }) loop.Run();
        toy.Seen.ShouldBe([0L, 1, 2, 3]);
        toy.After.Select(a => a.Step).ShouldBe([1L, 2, 3, 4]);
        reports.Select(r => (r.Step, r.Total, r.Images)).ShouldBe([(1L, 4L, 8L), (2, 4, 8), (3, 4, 8), (4, 4, 8)]);
        toy.After.Select(a => a.Loss!.Value).ShouldBe(reports.Select(r => r.Loss));
    }

    [Fact]
    public void A_loss_read_now_and_then_changes_reports_but_not_weights()
    {
        using var often = new Toy();
        using var seldom = new Toy();
        var reports = new List<StepReport>();
        Run(often, s_options with { Steps = 10 });
        using (var loop = new TrainingLoop(seldom, seldom, s_options with { Steps = 10, ReadLossEvery = 4 }) { OnStep = reports.Add }) loop.Run();
        reports.Select(r => (r.Step, r.Images)).ShouldBe([(4L, 32L), (8, 32), (10, 16)]);
        seldom.Values.ShouldBe(often.Values);
    }

    [Fact]
    public void A_NaN_loss_ends_the_run_with_the_weights_of_the_step_before()
    {
        using var good = new Toy();
        using var bad = new Toy { NaNAt = 7 };
        using (var seven = new TrainingLoop(good, good, s_options) { StopEarly = () => good.After.Count == 7 }) seven.Run();
        using var loop = new TrainingLoop(bad, bad, s_options);
        Should.Throw<FailureException>(() => loop.Run()).Message
            .ShouldBe("The loss became NaN at step 8 of 60 (learning rate 0.0967); lower the learning rate or compute in fp32.");
        loop.Step.ShouldBe(7);
        bad.Values.ShouldBe(good.Values);
    }

    [Fact]
    public void A_loss_warm_up_starts_with_a_step_of_weight_decay_alone()
    {
        using var toy = new Toy();
        using (new NoGrad()) toy.Weight.CopyFrom(Tensor.Ones([1]));
        var options = new TrainingOptions
        {
            Steps = 1, LearningRate = new LearningRate { Peak = 0.5, WarmUp = WarmUp.Loss }, Adam = new AdamOptions { WeightDecay = 0.2 },
        };
        Run(toy, options);
        toy.Weight.ToArray<float>().ShouldAllBe(w => w == 0.9f);
        toy.Bias.ToArray<float>().ShouldAllBe(b => b == 0);
    }

    [Fact]
    public void The_moving_average_replaces_the_weights_at_the_end()
    {
        using var plain = new Toy();
        using var averaged = new Toy();
        var weights = new List<float[]>();
        using (var loop = new TrainingLoop(plain, plain, s_options) { OnStep = _ => weights.Add(plain.Values) }) loop.Run();
        using (var loop = new TrainingLoop(averaged, averaged, s_options with { EmaDecay = 0.99 }))
        {
            loop.Run();
            averaged.Values.ShouldBe(plain.Values);
            loop.Finish();
        }
        var expected = new double[weights[0].Length];
        for (var step = 1; step <= weights.Count; step++)
        {
            var decay = Math.Min(0.99, (1.0 + step) / (10 + step));
            for (var k = 0; k < expected.Length; k++) expected[k] = decay * expected[k] + (1 - decay) * weights[step - 1][k];
        }
        for (var k = 0; k < expected.Length; k++) averaged.Values[k].ShouldBe((float)expected[k], 1e-5f);
    }

    [Fact]
    public void Clipping_limits_the_joint_gradient()
    {
        // One plain step of rate 1 moves the weights by the gradient itself.
        var options = s_options with { Steps = 1, Optimizer = OptimizerKind.Sgd, Momentum = 0, LearningRate = new LearningRate { Peak = 1 } };
        using var free = new Toy();
        using var clipped = new Toy();
        using var loose = new Toy();
        Run(free, options);
        Run(clipped, options with { ClipNorm = 0.01 });
        Run(loose, options with { ClipNorm = 100 });
        Norm(free).ShouldBeGreaterThan(0.1);
        Norm(clipped).ShouldBe(0.01, 1e-5);
        loose.Values.ShouldBe(free.Values);

        static double Norm(Toy toy) => Math.Sqrt(toy.Values.Sum(v => (double)v * v));
    }

    [Fact]
    public void A_run_can_be_stopped_early_and_cancelled_between_steps()
    {
        using var toy = new Toy();
        using var stop = new CancellationTokenSource();
        using var loop = new TrainingLoop(toy, toy, s_options)
        {
            StopEarly = () => toy.After.Count == 5,
            OnStep = report => { if (report.Step == 9) stop.Cancel(); },
        };
        loop.Run();
        loop.Step.ShouldBe(5);
        Should.Throw<OperationCanceledException>(() => loop.Run(stop.Token));
        loop.Step.ShouldBe(9);
    }

    [Fact]
    public void After_the_end_nothing_is_recorded_or_kept()
    {
        using var toy = new Toy();
        var before = Tensor.LiveCount;
        using (var loop = new TrainingLoop(toy, toy, s_options with { EmaDecay = 0.9, ClipNorm = 1 }))
        {
            loop.Run();
            loop.Finish();
        }
        Tensor.LiveCount.ShouldBe(before);
        toy.Parameters.ShouldAllBe(p => !p.RequiresGrad && p.Grad == null);
    }

    private static List<double> Run(Toy toy, TrainingOptions options)
    {
        var losses = new List<double>();
        using var loop = new TrainingLoop(toy, toy, options) { OnStep = report => losses.Add(report.Loss) };
        loop.Run();
        loop.Finish();
        return losses;
    }
}
