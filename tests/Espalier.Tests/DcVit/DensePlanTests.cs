using System.Globalization;
using Espalier.Budget;
using Espalier.DcVit;
using Espalier.Models;
using Espalier.Models.Vit;

namespace Espalier.Tests.DcVit;

/// <summary>The numbers of the DC-ViT specification, §12 and §2.2.</summary>
public class DensePlanTests
{
    private const string Ti = "vit_tiny_patch16_224", S = "vit_small_patch16_224", B = "vit_base_patch16_224", L = "vit_large_patch16_224";

    [Theory]
    [InlineData(Ti, "0.918926058", 2, 2, 3.0, 576, "0.991185", "5.272360")]
    [InlineData(Ti, "0.837852117", 3, 5, 1.996527778, 383, "0.903660", "4.826917")]
    [InlineData(Ti, "0.756778175", 4, 8, 1.494791667, 287, "0.816286", "4.382244")]
    [InlineData(S, "0.917813845", 2, 2, 3.0, 1152, "3.899592", "20.275816")]
    [InlineData(S, "0.835627690", 3, 5, 1.998263889, 767, "3.550250", "18.500197")]
    [InlineData(S, "0.753441535", 4, 8, 1.497395833, 575, "3.201210", "16.726116")]
    [InlineData(B, "0.917244729", 2, 2, 3.0, 2304, "15.468076", "79.479016")]
    [InlineData(B, "0.834489457", 3, 5, 1.999131944, 1535, "14.072219", "72.388837")]
    [InlineData(B, "0.751734186", 4, 8, 1.498697917, 1151, "12.676967", "65.301732")]
    [InlineData(L, "0.958442215", 2, 2, 3.0, 3072, "57.206264", "291.729384")]
    [InlineData(L, "0.916884431", 3, 5, 1.999348958, 2047, "54.725413", "279.130085")]
    [InlineData(L, "0.875326646", 4, 8, 1.499023438, 1535, "52.245369", "266.534884")]
    public void The_twelve_rows_hold_for_targets_as_typed(string name, string keep, int kMin, int kMax, double ratio, int hidden, string gigaMacs, string megaParams)
    {
        var plan = Plan(name, keep);
        (plan.MinBlocks, plan.MaxBlocks, plan.ChosenOption.Blocks, plan.ChosenOption.Hidden).ShouldBe((kMin, kMax, kMin, hidden));
        plan.ChosenOption.Ratio!.Value.ShouldBe(ratio, 5e-8);
        (plan.ChosenOption.Cost.MacsBudget / 1e9).ToString("F6", CultureInfo.InvariantCulture).ShouldBe(gigaMacs);
        (plan.ChosenOption.Cost.Parameters / 1e6).ToString("F6", CultureInfo.InvariantCulture).ShouldBe(megaParams);
        plan.Options.ShouldAllBe(o => plan.Limit.Met(o.Cost));
    }

    [Theory]
    [InlineData(Ti, 9, "4 1.401145621, 5 2.322999830, 6 2.937569303, 7 3.376547498, 8 3.705781144, 9 3.961851758")]
    [InlineData(S, 9, "4 1.466180485, 5 2.373986054, 6 2.979189767, 7 3.411478134, 8 3.735694409, 9 3.987862623")]
    [InlineData(B, 8, "4 1.498697916, 5 2.399479166, 6 3.000000000, 7 3.428943452, 8 3.750651041")]
    [InlineData(L, 17, "6 0.024073213, 7 0.878056058, 8 1.518543191, 9 2.016699850, 10 2.415225178")]
    public void Every_feasible_structure_is_listed(string name, int kMax, string expected)
    {
        var plan = Plan(name, "0.751734186");
        plan.MaxBlocks.ShouldBe(kMax);
        plan.Options.Select(o => string.Create(CultureInfo.InvariantCulture, $"{o.Blocks} {o.Ratio:F9}"))
            .Take(name == L ? 5 : int.MaxValue).ShouldBe(expected.Split(", "));
        plan.Options.Length.ShouldBe(kMax - plan.MinBlocks + 1);
    }

    [Theory]
    [InlineData(Ti, 4, 269, "0.810840", 269)]
    [InlineData(S, 4, 563, "3.193948", 563)]
    [InlineData(B, 4, 1150, "12.675757", 1151)]
    [InlineData(L, 6, 24, "44.866966", 24)]
    public void Profiles_round_as_they_should(string name, int k, int official, string gigaMacs, int clean)
    {
        var plan = Plan(name, "0.751734186", DcVitProfile.Official);
        (plan.ChosenOption.Blocks, plan.ChosenOption.Hidden).ShouldBe((k, official));
        (plan.ChosenOption.Cost.MacsBudget / 1e9).ToString("F6", CultureInfo.InvariantCulture).ShouldBe(gigaMacs);
        Plan(name, "0.751734186", blocks: k).ChosenOption.Hidden.ShouldBe(clean);
    }

    [Fact]
    public void The_published_ratio_gives_exact_macs_on_base()
    {
        Plan(B, "0.751734186", DcVitProfile.Official).ChosenOption.Cost.MacsBudget.ShouldBe(12_675_757_056);
        Plan(B, "0.751734186").ChosenOption.Cost.MacsBudget.ShouldBe(12_676_967_424);
    }

    [Fact]
    public void Crippled_mlps_are_avoided_by_default_and_warned_of_when_forced()
    {
        var plan = Plan(L, "0.751734186");
        (plan.ChosenOption.Blocks, plan.Warnings.Length).ShouldBe((7, 0));
        Plan(L, "0.751734186", blocks: 6).Warnings.ShouldHaveSingleItem()
            .ShouldBe("6 blocks keep only 24 of 4096 hidden units each (MLP ratio 0.024); a larger k keeps more.");
        var tiny = Plan(Ti, "0.84");
        (tiny.Options[0].Blocks, tiny.Options[0].Hidden, tiny.ChosenOption.Blocks).ShouldBe((2, 13, 3));
    }

    [Fact]
    public void Targets_in_full_macs_and_in_parameters_use_their_own_measure()
    {
        var full = Plan(Net(B), TargetParser.Parse(keepMacs: "0.751734186", count: "full"));
        (full.ChosenOption.Blocks, full.ChosenOption.Hidden, full.ChosenOption.Cost.MacsFull).ShouldBe((4, 1202, 13_202_872_320));
        var parameters = Plan(Net(Ti), TargetParser.Parse(parameters: "4.3M"));
        parameters.ChosenOption.Cost.Parameters.ShouldBeInRange(4_300_000 - 385 * parameters.ChosenOption.Blocks, 4_300_000);
    }

    [Theory]
    [InlineData("j1", 2, 3.0, 192)]
    [InlineData("j3", 4, 1.484375, 95)]
    public void The_tiny_test_net_matches_whole_blocks(string drop, int k, double ratio, int hidden)
    {
        var j = drop[1] - '0';
        var plan = Plan(Net("tiny-test-vit"), new Target(TargetForm.Macs, 5_267_328 - j * 844_288));
        (plan.ChosenOption.Blocks, plan.ChosenOption.Ratio, plan.ChosenOption.Hidden).ShouldBe((k, ratio, hidden));
        plan.ChosenOption.Cost.MacsBudget.ShouldBe(5_267_328 - j * 844_288);
    }

    [Fact]
    public void Blocks_fall_one_by_one_to_the_target()
    {
        var plan = Plan(B, "0.751734186");
        Enumerable.Range(1, 4).Select(n => plan.Apply(new[] { 2, 4, 1, 3 }.Take(n)).Cost().MacsBudget)
            .ShouldBe([15_816_964_608, 14_770_298_880, 13_723_633_152, 12_676_967_424]);
    }

    [Fact]
    public void The_intervals_of_base_are_the_papers()
    {
        var plan = Plan(B, "0.75");
        var total = (double)plan.Before.MacsBudget;
        Enumerable.Range(1, 10).Select(k => string.Create(CultureInfo.InvariantCulture,
                $"{100 * k * plan.AttentionCost / total:F2}–{100 * k * (plan.AttentionCost + plan.MlpCost) / total:F2}"))
            .ShouldBe(["2.76–8.27", "5.52–16.54", "8.28–24.82", "11.04–33.09", "13.80–41.36", "16.56–49.63", "19.32–57.90", "22.08–66.18", "24.84–74.45", "27.60–82.72"]);
    }

    [Fact]
    public void Compressed_blocks_keep_the_teachers_epsilon_only_in_the_clean_profile()
    {
        Cut(Plan(B, "0.75"), 2).Blocks[2].ShouldBe(new VitBlock { MlpHidden = Plan(B, "0.75").ChosenOption.Units[0] });
        Cut(Plan(B, "0.75", DcVitProfile.Official), 2).Blocks[2].NormEps.ShouldBe(1e-5);
    }

    [Fact]
    public void A_compressed_network_can_be_compressed_again()
    {
        var first = Cut(Plan(B, "0.751734186"), 2, 4, 1, 3);
        var again = Plan(first, TargetParser.Parse(keepMacs: "0.8"));
        again.Candidates.ShouldBe([5, 6, 7, 8, 9, 10]);
        again.Limit.Met(again.Apply(again.Candidates.Take(again.Count)).Cost()).ShouldBeTrue();
        Should.Throw<UsageException>(() => Plan(Net(B) with { Blocks = Net(B).Blocks.SetItem(5, Net(B).Blocks[5] with { MlpHidden = 9 }) },
            TargetParser.Parse(keepMacs: "0.8"))).Message.ShouldContain("blocks 1 and 5 differ in width");
    }

    [Theory]
    [InlineData(Ti, "0.98", null, "it reaches 0.2064 G MACs (budget) to 1.0494 G MACs (budget) (19.14% to 97.29%).")]
    [InlineData(Ti, "0.1", null, "it reaches 0.2064 G MACs (budget) to 1.0494 G MACs (budget) (19.14% to 97.29%).")]
    [InlineData(Ti, "0.751734186", 3, "3 blocks cannot meet 0.8108 G MACs (budget) on vit_tiny_patch16_224: 4 to 9 can, whichever they are.")]
    public void Out_of_reach_gives_the_reachable_range(string name, string keep, int? blocks, string message) =>
        Should.Throw<BudgetException>(() => Plan(name, keep, blocks: blocks)).Message.ShouldEndWith(message);

    [Fact]
    public void Every_target_in_the_range_is_met_closely()
    {
        foreach (var name in VitRegistry.Names)
        {
            var (net, cost) = (Net(name), VitCost.Of(Net(name)));
            for (var percent = 40; percent <= 90; percent++)
            {
                var plan = Plan(net, new Target(TargetForm.KeepMacs, percent / 100.0));
                var step = plan.Blocks.MlpUnit.MacsBudget;
                foreach (var option in plan.Options)
                {
                    plan.Limit.Met(option.Cost).ShouldBeTrue($"{name} {percent}%");
                    (option.Cost.MacsBudget + option.Blocks * step).ShouldBeGreaterThanOrEqualTo((long)plan.Limit.Amount, $"{name} {percent}%");
                }
            }
        }
    }

    // The specification's ρ count linear layers alone; norms, which differ between stages, move them by less than a tenth.
    [Theory]
    [InlineData("swin_tiny_patch4_window7_224", "0.751734186", 4, 1.328675)]
    [InlineData("swin_small_patch4_window7_224", "0.751734186", 7, 0.777080)]
    [InlineData("swin_base_patch4_window7_224", "0.751734186", 7, 0.779415)]
    public void Stages_are_counted_through(string name, string keep, int k, double ratio)
    {
        var plan = Plan(name, keep);
        plan.Candidates.ShouldBe(Enumerable.Range(1, Net(name).Depth - 2));
        plan.ChosenOption.Blocks.ShouldBe(k);
        plan.ChosenOption.Ratio!.Value.ShouldBe(ratio, 0.1);
        plan.ChosenOption.Hidden.ShouldBeNull();
    }

    [Theory]
    [InlineData(CountConvention.Budget)]
    [InlineData(CountConvention.Full)]
    public void Once_the_blocks_of_a_swin_are_known_the_target_is_met_closely(CountConvention count)
    {
        var random = new SeededRandom(1);
        foreach (var name in new[] { "swin_tiny_patch4_window7_224", "swin_base_patch4_window12_384", "swin_micro_patch2_window7_28" })
            for (var percent = 50; percent <= 90; percent += 5)
            {
                var plan = Plan(Net(name), new Target(TargetForm.KeepMacs, percent / 100.0, count));
                for (var draw = 0; draw < 10; draw++)
                {
                    int[] order = [.. random.Choose(plan.Candidates.Length, plan.ChosenOption.Blocks).Select(i => plan.Candidates[i])];
                    plan.Limit.Met(plan.Apply(order).Cost()).ShouldBeTrue($"{name} {percent}% before");
                    var exact = plan.For(order);
                    var after = exact.Apply(order).Cost();
                    exact.After.ShouldBe(after);
                    plan.Limit.Met(after).ShouldBeTrue($"{name} {percent}%");
                    // One unit a block below the limit at most, unless no MLP is left to cut.
                    var units = plan.Blocks.All.Where(b => order.Contains(b.Index)).Sum(b => 2 * b.MlpUnit.In(plan.Limit.Measure));
                    var whole = order.All(i => Cut(exact, order).Blocks[i].MlpHidden == Net(name).Blocks[i].MlpHidden);
                    if (!whole) ((double)after.In(plan.Limit.Measure)).ShouldBeGreaterThan(plan.Limit.Amount - units, $"{name} {percent}%");
                }
            }
    }

    private static VitArchitecture Net(string name) => VitRegistry.Find(name)!.Architecture;

    private static DensePlan Plan(string name, string keep, DcVitProfile? profile = null, int? blocks = null) =>
        Plan(Net(name), TargetParser.Parse(keepMacs: keep), new DcVitOptions { Profile = profile ?? DcVitProfile.Clean, K = blocks });

    private static DensePlan Plan(VitArchitecture net, Target target, DcVitOptions? options = null) => (DensePlan)Structure.Plan(net, target, options ?? new());

    private static VitArchitecture Cut(Structure plan, params IEnumerable<int> blocks) => (VitArchitecture)plan.Apply(blocks);
}
