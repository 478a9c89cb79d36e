using Espalier.Training;

namespace Espalier.Tests.Training;

public class LearningRateTests
{
    private static readonly LearningRate s_finetune = new() { Peak = 3e-5, WarmUp = WarmUp.Loss };

    private static readonly LearningRate s_inversion = new() { Peak = 0.25, WarmUp = WarmUp.LearningRate, WarmUpShare = 0.05 };

    [Theory]
    [InlineData(0, 3.0e-5)]
    [InlineData(500, 2.56066e-5)]
    [InlineData(1000, 1.5e-5)]
    [InlineData(1500, 4.3934e-6)]
    [InlineData(1999, 1.85e-11)]
    public void Finetuning_follows_the_cosine_of_its_epochs(int epoch, double rate)
    {
        foreach (var period in new[] { 1, 2, 8, 16 })
        {
            var schedule = s_finetune with { Period = period };
            schedule.At((long)epoch * period, 2000L * period).ShouldBe(rate, rate * 2e-3);
            schedule.At((long)epoch * period + period - 1, 2000L * period).ShouldBe(schedule.At((long)epoch * period, 2000L * period));
        }
    }

    [Theory]
    [InlineData(0, 0.0025)]
    [InlineData(49, 0.125)]
    [InlineData(99, 0.25)]
    [InlineData(100, 0.25)]
    [InlineData(575, 0.213388)]
    [InlineData(1050, 0.125)]
    [InlineData(1525, 0.0366117)]
    [InlineData(1999, 1.7087e-7)]
    public void Inversion_warms_up_for_100_of_2000_iterations(int step, double rate) =>
        s_inversion.At(step, 2000).ShouldBe(rate, rate * 2e-5);

    [Fact]
    public void The_shape_is_the_same_for_any_number_of_steps()
    {
        for (var share = 0; share < 10; share++)
            s_inversion.At(share * 20 + 10, 200).ShouldBe(s_inversion.At(share * 2000 + 1000, 20_000), 1e-12);
        s_inversion.At(100, 200).ShouldBe(0.25 * 0.5 * (1 + Math.Cos(Math.PI * 90 / 190)), 1e-9);
    }

    [Fact]
    public void The_floor_is_where_the_cosine_ends()
    {
        var schedule = new LearningRate { Peak = 1, Floor = 0.1 };
        schedule.At(0, 1000).ShouldBe(1);
        schedule.At(500, 1000).ShouldBe(0.55, 1e-9);
        schedule.At(999, 1000).ShouldBe(0.1, 1e-5);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.05)]
    [InlineData(10, 0.5)]
    [InlineData(19, 0.95)]
    [InlineData(20, 1)]
    [InlineData(1999, 1)]
    public void A_loss_warm_up_scales_the_loss_of_20_of_2000_epochs(int epoch, double factor)
    {
        (s_finetune with { Period = 8 }).LossFactor(epoch * 8 + 7, 16_000).ShouldBe(factor, 1e-12);
        (s_finetune with { WarmUp = WarmUp.None }).LossFactor(epoch, 2000).ShouldBe(1);
        s_inversion.LossFactor(epoch, 2000).ShouldBe(1);
    }

    [Theory]
    [InlineData(2, 40)]
    [InlineData(3, 41)]
    public void Passes_are_the_same_shape_one_after_the_other(int passes, int total)
    {
        var (whole, length) = (s_inversion with { Passes = passes }, total / passes);
        for (var step = 0; step < total; step++)
        {
            var pass = Math.Min(step / length, passes - 1);
            whole.At(step, total).ShouldBe(s_inversion.At(step - pass * length, pass == passes - 1 ? total - pass * length : length), 1e-12);
        }
    }

    [Fact]
    public void One_step_alone_is_possible()
    {
        s_inversion.At(0, 1).ShouldBeInRange(0, 0.25);
        s_finetune.At(0, 1).ShouldBe(3e-5);
    }
}
