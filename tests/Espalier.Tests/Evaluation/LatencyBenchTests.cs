using Espalier.Evaluation;
using Espalier.Testing;

namespace Espalier.Tests.Evaluation;

public sealed class LatencyBenchTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Percentiles_lie_between_neighbours_as_in_NumPy()
    {
        Percentiles.Of([4, 1, 3, 2]).ShouldBe(new Percentiles(2.5, 1.3, 3.7));
        Percentiles.Of([7]).ShouldBe(new Percentiles(7, 7, 7));
    }

    [Fact]
    public void The_warm_up_does_not_count()
    {
        var runs = 0;
        var result = new LatencyBench(_time) { Batch = 4, Runs = 3, WarmUp = 2 }.Measure(() => Take(runs++ < 2 ? 1000 : 20));

        runs.ShouldBe(5);
        result.LatencyMs.ShouldBe(new Percentiles(20, 20, 20));
        result.ImagesPerSecond.ShouldBe(200);
        result.Speedup.ShouldBeNull();
    }

    [Fact]
    public void Two_models_run_in_turn_and_are_compared_pair_by_pair()
    {
        // A machine that gets slower and slower: each latency spreads widely, the speedup of each pair is 2 all the same.
        var order = "";
        var slowness = 1;
        var result = new LatencyBench(_time) { Runs = 4, WarmUp = 0 }.Measure(
            () => { order += "A"; Take(10 * slowness); },
            () => { order += "B"; Take(20 * slowness++); });

        order.ShouldBe("ABABABAB");
        result.LatencyMs.Median.ShouldBe(25);
        result.AgainstLatencyMs!.Median.ShouldBe(50);
        result.Speedup.ShouldBe(new Percentiles(2, 2, 2));
    }

    [Fact]
    public void It_tells_how_far_it_is_and_can_be_stopped()
    {
        List<(int, int)> told = [];
        using var cancellation = new CancellationTokenSource();
        var bench = new LatencyBench(_time)
        {
            Runs = 3, WarmUp = 1,
            OnProgress = (done, total) =>
            {
                told.Add((done, total));
                if (done == 2) cancellation.Cancel();
            },
        };

        Should.Throw<OperationCanceledException>(() => bench.Measure(() => Take(1), cancellation: cancellation.Token));
        told.ShouldBe([(1, 4), (2, 4)]);
    }

    private void Take(double milliseconds) => _time.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
