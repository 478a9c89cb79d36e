using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Tests.Budget;

public class TargetTests
{
    private static readonly Cost Dense = new(5_000_000, 1_000_000_000, 1_200_000_000);

    [Theory]
    [InlineData("0.75", null, null, null, null, CostMeasure.MacsBudget, 750_000_000)]
    [InlineData("75%", null, null, null, "full", CostMeasure.MacsFull, 900_000_000)]
    [InlineData(null, "25%", null, null, "budget", CostMeasure.MacsBudget, 750_000_000)]
    [InlineData(null, "0.25", null, null, null, CostMeasure.MacsBudget, 750_000_000)]
    [InlineData(null, null, "0.94G", null, null, CostMeasure.MacsBudget, 940_000_000)]
    [InlineData(null, null, "940m", null, "full", CostMeasure.MacsFull, 940_000_000)]
    [InlineData(null, null, "9.4e8", null, null, CostMeasure.MacsBudget, 940_000_000)]
    [InlineData(null, null, null, "4.3M", null, CostMeasure.Parameters, 4_300_000)]
    [InlineData(null, null, null, "4300K", null, CostMeasure.Parameters, 4_300_000)]
    public void Every_form_resolves(string? keep, string? reduce, string? macs, string? parameters, string? count, CostMeasure measure, double amount)
    {
        var limit = TargetParser.Parse(keep, reduce, macs, parameters, count: count).Resolve(Dense);
        limit.Measure.ShouldBe(measure);
        limit.Amount.ShouldBe(amount, 1e-3);
    }

    [Theory]
    [InlineData(null, null, null, null, null, "No target is given")]
    [InlineData("0.5", "50%", null, null, null, "Several targets are given")]
    [InlineData("1", null, null, null, null, "--keep-macs 1: give a fraction")]
    [InlineData("x", null, null, null, null, "--keep-macs x: give a fraction")]
    [InlineData(null, "25", null, null, null, "--reduce-macs 25: give a fraction between 0 and 1, such as 0.75 or 75%.")]
    [InlineData(null, "-5%", null, null, null, "--reduce-macs -5%: give a fraction")]
    [InlineData(null, null, "1T", null, null, "--macs 1T: give an amount")]
    [InlineData(null, null, "", null, null, "--macs : give an amount")]
    [InlineData(null, null, "0", null, null, "--macs 0: give an amount")]
    [InlineData(null, null, null, "M", null, "--params M: give an amount")]
    [InlineData("0.5", null, null, null, "thop", "--count thop: the conventions are budget and full.")]
    public void Faults_name_the_option(string? keep, string? reduce, string? macs, string? parameters, string? count, string fault) =>
        Should.Throw<UsageException>(() => TargetParser.Parse(keep, reduce, macs, parameters, count: count)).Message.ShouldStartWith(fault);

    [Fact]
    public void A_share_of_the_latency_limits_the_macs_at_which_it_was_measured()
    {
        var target = TargetParser.Parse(latency: "70%");
        target.ToString().ShouldBe("--latency 0.7");
        Should.Throw<InvalidOperationException>(() => target.Resolve(Dense));
        (target with { MacsAtLatency = 9e8 }).Resolve(Dense).ShouldBe(new Limit(CostMeasure.MacsFull, 9e8));
    }

    [Fact]
    public void Met_allows_for_nine_typed_digits_and_no_more()
    {
        var limit = new Limit(CostMeasure.MacsBudget, 1e9);
        limit.Met(Dense with { MacsBudget = 1_000_000_009 }).ShouldBeTrue();
        limit.Met(Dense with { MacsBudget = 1_000_000_011 }).ShouldBeFalse();
    }

    [Fact]
    public void A_target_states_itself_as_its_option()
    {
        TargetParser.Parse(reduceMacs: "25%", count: "full").ToString().ShouldBe("--reduce-macs 0.25 --count full");
        TargetParser.Parse(parameters: "4.3M", count: "full").ToString().ShouldBe("--params 4300000");
    }
}
