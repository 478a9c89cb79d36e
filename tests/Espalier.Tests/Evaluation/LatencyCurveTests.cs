using Espalier.Budget;
using Espalier.Evaluation;
using Espalier.Models.Vit;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Tests.Evaluation;

public class LatencyCurveTests
{
    [Theory]
    [InlineData(0.9, 800)]
    [InlineData(0.8, 600)]
    [InlineData(0.7, 550)]
    [InlineData(0.4, 400)]
    public void Between_two_structures_it_is_a_straight_line(double keep, double macs) =>
        new LatencyCurve(1000, [new(600, 0.8), new(500, 0.6), new(400, 0.4)]).MacsFor(keep).ShouldBe(macs, 1e-9);

    [Fact]
    public void A_smaller_structure_that_looks_slower_is_noise() =>
        new LatencyCurve(1000, [new(800, 0.7), new(600, 0.75), new(400, 0.5)]).MacsFor(0.6).ShouldBe(500, 1e-9);

    [Fact]
    public void Faster_than_anything_timed_is_refused() =>
        Should.Throw<BudgetException>(() => new LatencyCurve(1000, [new(600, 0.8), new(500, 0.65)]).MacsFor(0.5)).Message.ShouldContain("keeps 65 %");

    [Fact]
    public void What_a_method_can_make_is_timed_and_what_it_cannot_is_left_out()
    {
        var before = Tensor.LiveCount;
        using (var dense = TestNets.Model(VitArchitecture.Uniform("net", 16, 4, 1, 64, depth: 4, heads: 2, classes: 3), 1))
        {
            var structures = LatencyCurve.Structures(target => target.Value < 0.5 ? throw new BudgetException("too small")
                : dense.Architecture.WithBlocks(b => b with { MlpHidden = (int)(b.MlpHidden * target.Value) }));
            var curve = LatencyCurve.Measure(dense, structures, bf16: false, TimeProvider.System, default);
            curve.Points.Length.ShouldBe(5);
            curve.Points.Select(p => p.MacsFull).ShouldBe(curve.Points.Select(p => p.MacsFull).OrderDescending());
            curve.Points.ShouldAllBe(p => p.KeepLatency > 0 && p.MacsFull < curve.DenseMacsFull);
        }
        Tensor.LiveCount.ShouldBe(before);
    }
}
