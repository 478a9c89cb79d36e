using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.OwnMethod;
using Espalier.Testing;
using Espalier.Tests.FewShot;

namespace Espalier.Tests.OwnMethod;

/// <summary>Which families can be asked for, and what their members are called.</summary>
[Collection(TorchCollection.Name)]
public sealed class SweepMethodTests(StripesModel toy) : IClassFixture<StripesModel>
{
    public static TheoryData<Target[], string> Odd => new()
    {
        { [Target.KeepMacs(0.9), Target.KeepMacs(0.9)], "must be smaller" },
        { [Target.KeepMacs(0.5), Target.KeepMacs(0.9)], "must be smaller" },
        { [Target.KeepMacs(0.9), Target.KeepMacs(0.7, CountConvention.Full)], "by the same count" },
        { [Target.KeepMacs(0.9), Target.ReduceMacs(0.2)], "--reduce-macs 0.2 in a family" },
        { [Target.Macs(1e6), Target.Macs(5e5)], "--macs 1000000 in a family" },
        { [Target.KeepMacs(0.9), Target.Params(1e4)], "--params 10000 in a family" },
    };

    /// <summary>Each model is cut from the one before it, and a share is all its folder is called by.</summary>
    [Theory]
    [MemberData(nameof(Odd))]
    public void What_is_no_descending_row_of_shares_is_refused_before_anything_is_written(Target[] targets, string said)
    {
        Should.Throw<UsageException>(() => Method([.. targets])).Message.ShouldContain(said);
        using var folder = new TemporaryFolder();
        Should.Throw<UsageException>(() => new EspalierModel(toy.Source).Sweep(folder["out"], new SweepOptions([.. targets]) { Images = toy.Train })).Message.ShouldContain(said);
        Directory.Exists(folder["out"]).ShouldBeFalse();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(24)]
    [InlineData(30_000)]
    public void Every_member_has_a_folder_of_its_own(int points)
    {
        var targets = SweepOptions.Between(0.95, 0.4, points).Targets;
        var names = SweepMethod.Names(targets);
        names.Distinct().Count().ShouldBe(points);
        names[0].ShouldBe("0.9500");
        names.Zip(targets).ShouldAllBe(n => Math.Abs(double.Parse(n.First.Split('-')[0], System.Globalization.CultureInfo.InvariantCulture) - n.Second.Value) <= 0.00005 + 1e-12);
    }

    private SweepMethod Method(params ImmutableArray<Target> targets) =>
        new(toy.Request("espalier", targets[^1].Value < 1 ? targets[^1].Value : 0.5, count: 20, steps: 1), new EspalierOptions(), targets, TimeProvider.System);
}
