using System.Collections.Immutable;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Tests.Runs;

public sealed class TimeTests
{
    private static readonly ImmutableArray<TimePhase> s_phases = [new("synthesis", 15), new("ranking", 35), new("finetuning", 50)];

    private readonly ManualTime _time = new();

    [Fact]
    public void Time_is_split_by_weight_when_every_phase_uses_its_share()
    {
        var budget = new TimeBudget(TimeSpan.FromMinutes(100), _time, s_phases);

        foreach (var (phase, minutes) in new[] { ("synthesis", 15.0), ("ranking", 35.0), ("finetuning", 50.0) })
        {
            budget.TimeFor(phase).TotalMinutes.ShouldBe(minutes, 1e-6);
            _time.Advance(TimeSpan.FromMinutes(minutes));
        }
        budget.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void Unused_time_flows_on()
    {
        var budget = new TimeBudget(TimeSpan.FromMinutes(100), _time, s_phases);

        budget.TimeFor("ranking").TotalMinutes.ShouldBe(100 * 0.35 / 0.85, 1e-6);
        budget.TimeFor("ranking", through: "finetuning").TotalMinutes.ShouldBe(100, 1e-6);
        budget.TimeFor("finetuning").TotalMinutes.ShouldBe(100, 1e-6);
    }

    [Fact]
    public void Time_that_is_no_phases_is_not_shared_out()
    {
        var budget = new TimeBudget(TimeSpan.FromMinutes(100), _time, s_phases);

        budget.TimeFor("synthesis", kept: TimeSpan.FromMinutes(40)).TotalMinutes.ShouldBe(60 * 0.15, 1e-6);
        budget.TimeFor("finetuning", kept: TimeSpan.FromMinutes(40)).TotalMinutes.ShouldBe(60, 1e-6);
        budget.TimeFor("finetuning", kept: TimeSpan.FromMinutes(200)).ShouldBe(TimeSpan.Zero);
    }

    [Fact]
    public void A_resumed_run_counts_the_time_spent_before()
    {
        var budget = new TimeBudget(TimeSpan.FromMinutes(10), _time, s_phases, spentBefore: TimeSpan.FromMinutes(9));
        _time.Advance(TimeSpan.FromMinutes(5));

        budget.Left.ShouldBe(TimeSpan.Zero);
        budget.IsOver.ShouldBeTrue();
    }

    [Fact]
    public void No_time_at_all_is_wrong_usage() => Should.Throw<UsageException>(() => new TimeBudget(TimeSpan.Zero, _time, s_phases));

    [Fact]
    public void A_meter_gives_rate_and_time_left()
    {
        var updates = new List<ProgressUpdate>();
        var meter = new ProgressMeter(new Sink(updates), _time, "training", total: 100, "images", unitsPerStep: 8);
        meter.Report(0);
        _time.Advance(TimeSpan.FromSeconds(10));

        meter.Report(20, loss: 0.5);

        updates[^1].ShouldBe(new ProgressUpdate("training", 20, 100, 0.5, 16, "images", TimeSpan.FromSeconds(40)));
    }

    [Fact]
    public void More_steps_than_a_life_is_long_are_no_error()
    {
        var updates = new List<ProgressUpdate>();
        var meter = new ProgressMeter(new Sink(updates), _time, "training", total: 1_000_000_000_000);
        meter.Report(1);
        _time.Advance(TimeSpan.FromSeconds(2));
        meter.Report(2);
        updates[^1].Left!.Value.TotalDays.ShouldBeGreaterThan(36_000);
    }

    [Fact]
    public void A_meter_of_a_resumed_stage_counts_only_its_own_steps()
    {
        var updates = new List<ProgressUpdate>();
        var meter = new ProgressMeter(new Sink(updates), _time, "training", total: 100);
        _time.Advance(TimeSpan.FromSeconds(60)); // images are opened, the first step is slow
        meter.Report(91);
        _time.Advance(TimeSpan.FromSeconds(4));

        meter.Report(95);

        updates[0].Rate.ShouldBeNull();
        updates[1].Rate.ShouldBe(1);
        updates[1].Left.ShouldBe(TimeSpan.FromSeconds(5));
    }

    private sealed class Sink(List<ProgressUpdate> updates) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => updates.Add(value);
    }
}
