using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.FewShot;
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

    [Fact]
    public void What_a_family_cannot_do_is_refused_before_anything_is_written()
    {
        Should.Throw<UsageException>(() => Method(new EspalierOptions { MergeTokens = true }, Target.KeepMacs(0.8))).Message.ShouldContain("which merging tokens would undo");
        Should.Throw<UsageException>(() => Method(new EspalierOptions { Like = toy.Source.Architecture with { Name = "other" } }, Target.KeepMacs(0.8))).Message.ShouldContain("none can be taken from another network");
    }

    [Fact]
    public void A_time_too_short_for_looks_and_repairs_on_all_images_looks_at_some()
    {
        using var runs = new FewShotRuns();
        ImmutableArray<Target> targets = [Target.KeepMacs(0.9), Target.KeepMacs(0.8), Target.KeepMacs(0.7)];
        var request = toy.Request("espalier", 0.7, count: 80, steps: 0) with { Eval = null };
        SweepResult Sweep(string name, FewShotEffort effort) => runs.Sweep(name, new SweepMethod(request with { Effort = effort }, new EspalierOptions(), targets, TimeProvider.System));
        var hasty = Sweep("hasty", new FewShotEffort { Steps = 0, SynthesisSteps = 3, Time = TimeSpan.FromMilliseconds(1) });
        (hasty.SearchImages, hasty.RepairImages).ShouldBe((40, 40));
        hasty.Rounds.ShouldAllBe(r => r == 1);
        var patient = Sweep("patient", new FewShotEffort { Steps = 0, SynthesisSteps = 3 });
        (patient.SearchImages, patient.RepairImages).ShouldBe((80, 80));
        patient.Rounds.ShouldAllBe(r => r > 1);
    }

    private SweepMethod Method(EspalierOptions options, params ImmutableArray<Target> targets) => new(toy.Request("espalier", targets[^1].Value, count: 20, steps: 1), options, targets, TimeProvider.System);

    private SweepMethod Method(params ImmutableArray<Target> targets) =>
        new(toy.Request("espalier", targets[^1].Value < 1 ? targets[^1].Value : 0.5, count: 20, steps: 1), new EspalierOptions(), targets, TimeProvider.System);
}
