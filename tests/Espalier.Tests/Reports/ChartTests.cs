using Espalier.Reports;

namespace Espalier.Tests.Reports;

/// <summary>What charts are made of; how they look is seen in a browser.</summary>
public sealed class ChartTests
{
    private const string Nasty = "</script><script>alert(1)</script>";

    [Fact]
    public void No_text_ends_the_script_it_stands_in()
    {
        string[] charts =
        [
            LineChart.Draw(Nasty, new ChartAxis(Nasty), new ChartAxis(Nasty), Points(), Nasty).Text,
            ScatterChart.Draw(Nasty, new ChartAxis(Nasty), new ChartAxis(Nasty), Points(), 1, Nasty, ChartPoint.Table(Nasty, Points())).Text,
            StageChart.Draw(Nasty, new ChartAxis(Nasty), Points()).Text,
            BarChart.Draw(Nasty, (Nasty, Nasty), [(Nasty, 1, true)], Nasty).Text,
        ];

        foreach (var chart in charts)
        {
            chart.ShouldNotContain(Nasty);
            chart.Split("</script>").Length.ShouldBe(2);
        }
    }

    [Fact]
    public void Numbers_that_are_none_are_left_out()
    {
        LineChart.Draw("t", new ChartAxis("x"), new ChartAxis("y"), [new("", 1, double.NaN)]).Text.ShouldBeEmpty();
        LineChart.Draw([new(1, double.NaN), new(2, 1), new(3, double.PositiveInfinity)]).Text.ShouldBeEmpty();
        StageChart.Draw("t", new ChartAxis("y"), [new("", 1, double.NaN)]).Text.ShouldBeEmpty();
        BarChart.Draw("t", ("a", "b"), [("x", double.NaN, false), ("y", 2, true)]).Text.ShouldContain("\"text\":\"NaN\"");
    }

    [Fact]
    public void A_long_curve_is_thinned_to_what_a_picture_can_show()
    {
        var chart = LineChart.Draw([.. Enumerable.Range(0, 10_000).Select(i => new ReportLoss(i, 1 + i % 7))]).Text;

        chart.Split("\"series\"").Length.ShouldBeLessThan(420);
        chart.ShouldContain("\"x\":9999", customMessage: "the last point stays");
    }

    [Theory]
    [InlineData(1_078_633_728, "1.08 G")]
    [InlineData(816_286_464, "816 M")]
    [InlineData(79_180_032, "79.2 M")]
    [InlineData(205_066, "205 k")]
    [InlineData(950, "950")]
    public void Large_numbers_have_three_digits(long value, string text) => ReportNumbers.Short(value).ShouldBe(text);

    private static ChartPoint[] Points() =>
        [.. new[] { 1.0, 2, 3 }.Select(x => new ChartPoint(Nasty, x, x * x) { Label = Nasty, IsJoined = true, Facts = [(Nasty, Nasty)] })];
}
