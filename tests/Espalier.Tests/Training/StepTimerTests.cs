using Espalier.Training;

namespace Espalier.Tests.Training;

public class StepTimerTests : TorchTest
{
    [Theory]
    [InlineData(0.2, 4)]
    [InlineData(1.7, 4)] // one after the warm-up may still be twice as slow as those to come
    [InlineData(2.5, 3)]
    [InlineData(5, 2)] // slow: one besides the warm-up is enough
    public void A_step_is_timed_and_slow_ones_not_often(double seconds, int steps)
    {
        var time = new ManualTime();
        using var toy = new Toy();
        var taken = 0L;
        StepTimer.Measure(hooks => new TrainingLoop(toy, toy, new TrainingOptions { Steps = StepTimer.Steps, LearningRate = new LearningRate { Peak = 0.1 } })
        {
            OnStep = report =>
            {
                time.Advance(TimeSpan.FromSeconds(report.Step == 1 ? 3 * seconds : seconds));
                taken = report.Step;
                hooks.OnStep!(report);
            },
            StopEarly = hooks.StopEarly,
        }, time).ShouldBe(seconds, 1e-6);
        taken.ShouldBe(steps);
    }

    [Fact]
    public void A_second_step_that_is_slower_than_those_after_it_does_not_count()
    {
        var time = new ManualTime();
        using var toy = new Toy();
        StepTimer.Measure(hooks => new TrainingLoop(toy, toy, new TrainingOptions { Steps = StepTimer.Steps, LearningRate = new LearningRate { Peak = 0.1 } })
        {
            OnStep = report =>
            {
                time.Advance(TimeSpan.FromSeconds(report.Step <= 2 ? 1.9 : 1));
                hooks.OnStep!(report);
            },
            StopEarly = hooks.StopEarly,
        }, time).ShouldBe(1, 1e-6);
    }
}
