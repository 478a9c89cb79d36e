using System.Globalization;
using Espalier.Baselines;
using Espalier.Budget;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Models.Formats;
using Espalier.Ofb;
using Espalier.OwnMethod;
using Espalier.Testing;
using Espalier.Tests.FewShot;

namespace Espalier.Tests;

/// <summary>Values out of their range are refused before anything is written, all of them at once; those at its ends are not.</summary>
[Collection(TorchCollection.Name)]
public sealed class OptionsTests(StripesModel toy) : IClassFixture<StripesModel>
{
    public static TheoryData<string, EspalierOptions> OddEspalier => new()
    {
        { "MultipleOf 0", new() { MultipleOf = 0 } }, { "0 rounds", new() { Rounds = 0 } }, { "1 images to search on", new() { SearchImages = 1 } }, { "1 images to repair on", new() { RepairImages = 1 } }, { "crops (0 to 100)", new() { Crops = int.MaxValue } }, { "-1 crops", new() { Crops = -1 } },
        { "refit 2", new() { Refit = 2 } }, { "strength 0 (above 0)", new() { Repair = new() { Strength = 0 } } }, { "damping 0", new() { Repair = new() { Damping = 0 } } },
        { "smallest crop 2", new() { Distillation = new() { MinCropArea = 2 } } }, { "mix 2", new() { Distillation = new() { Mix = 2 } } },
        { "EMA decay 1 (in", new() { Distillation = new() { Ema = 1 } } }, { "pull NaN", new() { Distillation = new() { Pull = double.NaN } } },
        { "batch size 0", new() { Distillation = new() { BatchSize = 0 } } }, { "learning rate -1", new() { Distillation = new() { LearningRate = -1 } } },
        { "weight of the logits -1", new() { Distillation = new() { LogitWeight = -1 } } },
    };

    [Theory]
    [MemberData(nameof(OddEspalier))]
    public void Espalier_refuses_what_makes_no_sense(string said, EspalierOptions options)
    {
        Refusal(() => new EspalierMethod(Request("espalier"), options, TimeProvider.System)).ShouldContain(said.Replace("MultipleOf", "multiples of"));
        Refusal(() => new SweepMethod(Request("espalier"), options, [Target.KeepMacs(0.9), Target.KeepMacs(0.8)], TimeProvider.System)).ShouldContain("espalier: ");
    }

    public static TheoryData<string, FinetuneOptions> OddFinetunes => new()
    {
        { "batch size 0", new() { BatchSize = 0 } }, { "learning rate NaN", new() { LearningRate = double.NaN } }, { "weight decay -1", new() { WeightDecay = -1 } },
        { "clip norm 0", new() { ClipNorm = 0 } }, { "smallest crop 0 (in", new() { MinCropArea = 0 } }, { "last block to train -1", new() { LastUpdatable = -1 } },
    };

    [Theory]
    [MemberData(nameof(OddFinetunes))]
    public void So_do_dc_vit_and_even_widths(string said, FinetuneOptions options)
    {
        Refusal(() => new DcVitMethod(Request("dc-vit"), new() { Finetune = options }, TimeProvider.System)).ShouldContain(said);
        Refusal(() => new EvenWidthsMethod(Request("magnitude"), UnitRule.Magnitude, options, keep: [], TimeProvider.System)).ShouldContain(said);
    }

    [Fact]
    public void All_faults_are_told_at_once()
    {
        var said = Refusal(() => new EspalierMethod(Request("espalier"), new() { Rounds = 0, Repair = new() { Strength = -1 }, Distillation = new() { Mix = -1 } }, TimeProvider.System));
        foreach (var fault in new[] { "0 rounds", "strength -1", "mix -1" }) said.ShouldContain(fault);
        said = Refusal(() => new DcVitMethod(Request("dc-vit"), new() { K = 0, Order = [], Profile = DcVitProfile.Clean with { RoundingGuard = 2 } }, TimeProvider.System));
        foreach (var fault in new[] { "0 blocks", "an order of no blocks", "rounding guard 2" }) said.ShouldContain(fault);
    }

    [Fact]
    public void A_search_refuses_what_makes_no_sense()
    {
        var odd = new OfbOptions { SearchShare = 1.5, Accumulate = 0, Lambda = -0.5, AlphaPeak = 0 };
        var request = new SearchRequest { Model = toy.Source, Data = toy.Train, HoldOut = 4, Target = Target.KeepMacs(0.7), Options = odd, Effort = new() { Epochs = 1 }, Seed = 0, Compute = new() };
        var said = Refusal(() => new OfbMethod(request, TimeProvider.System));
        foreach (var fault in new[] { "search share 1.5 (in [0, 1])", "lambda -0.5", "sum of alpha's rate 0", "0 batches a step" }) said.ShouldContain(fault);
    }

    [Fact]
    public void The_tongue_of_a_program_changes_no_message()
    {
        var before = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        CultureInfo.CurrentCulture = other;
        try
        {
            1.5.ToString(CultureInfo.CurrentCulture).ShouldBe("1,5", "the culture is not in force");
            string[] said =
            [
                Refusal(() => new EspalierMethod(Request("espalier"), new() { Refit = 1.5 }, TimeProvider.System)),
                Refusal(() => new EspalierMethod(Request("espalier"), new() { Repair = new() { Damping = 1.5 }, Distillation = new() { Mix = 1.5 } }, TimeProvider.System)),
                Refusal(() => new DcVitMethod(Request("dc-vit"), new() { Finetune = new() { MinCropArea = 1.5 } }, TimeProvider.System)),
                Refusal(() => new DcVitMethod(Request("dc-vit"), new() { Profile = DcVitProfile.Clean with { RoundingGuard = 1.5 } }, TimeProvider.System)),
                Refusal(() => SweepOptions.Between(0.5, 1.5, 3)),
            ];
            foreach (var text in said)
            {
                text.ShouldContain("1.5");
                text.ShouldNotContain("1,5");
            }
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void What_a_convolutional_network_lacks_cannot_be_trained_alone()
    {
        var request = Request("fskd") with { Model = ModelSource.Open("resnet18") };
        EvenWidthsMethod Method(UpdateRange update) => new(request, UnitRule.Magnitude, new() { Update = update }, keep: [], TimeProvider.System, AlignmentRule.Fskd);
        Refusal(() => Method(UpdateRange.Attention)).ShouldContain("neither MLPs nor attentions");
        Method(UpdateRange.All).Plan.Options.ShouldNotBeEmpty();
    }

    [Fact]
    public void The_ends_of_a_range_are_taken()
    {
        new OfbOptions { SearchShare = 0, Lambda = 1, AlphaPeak = null }.Validate();
        OfbOptions.Official.Validate();
        new EspalierOptions { Crops = 0, Refit = 1, Repair = new() { Strength = null, Damping = 1 }, Distillation = new() { MinCropArea = 1, Mix = 1, Ema = 0, Pull = 1, LearningRate = 0 } }.Validate();
        new FinetuneOptions { MinCropArea = 1, LearningRate = 0, WeightDecay = 0, ClipNorm = null, LastUpdatable = 0 }.Validate();
        foreach (var profile in new[] { DcVitProfile.Clean, DcVitProfile.Official }) DcVitOptions.For(profile).Validate();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void An_amount_is_above_nothing(double amount)
    {
        Refusal(() => Target.Macs(amount)).ShouldContain("above 0");
        Refusal(() => Target.Params(amount)).ShouldContain("above 0");
    }

    [Fact]
    public void Blocks_before_a_cut_are_none_or_some()
    {
        Refusal(() => new LocalRecovery(null, false) { Before = -1 }).ShouldContain("at least 0");
        new LocalRecovery(null, false) { Before = 0 }.Before.ShouldBe(0);
    }

    /// <summary>A comma is no decimal point here, and must not pass for one that parts thousands.</summary>
    [Theory]
    [InlineData("clip", "1,5")]
    [InlineData("clip", "-1")]
    [InlineData("clip", "0")]
    public void Numbers_have_a_point(string topic, string setting)
    {
        Refusal(() => new DcVitOptions().With(topic, setting)).ShouldContain($"{topic}={setting}");
        new DcVitOptions().With(topic, "1.5").Finetune.ClipNorm.ShouldBe(1.5);
        Refusal(() => new OfbOptions().With("lambda", "0,1")).ShouldContain("lambda=0,1");
        new OfbOptions().With("lambda", "0.1").Lambda.ShouldBe(0.1);
    }

    [Theory]
    [InlineData("crops", "1e9")]
    [InlineData("crops", "1.5")]
    [InlineData("rounds", "-1")]
    [InlineData("feature_every", "2.5")]
    [InlineData("strength", "1,5")]
    public void Whole_numbers_are_whole(string topic, string setting) => Refusal(() => new EspalierOptions().With(topic, setting)).ShouldContain($"{topic}={setting}");

    [Theory]
    [InlineData("strength", "0")]
    [InlineData("min_crop", "2")]
    [InlineData("crops", "1000000000")]
    public void A_switch_out_of_range_is_refused_by_the_method(string topic, string setting) =>
        Refusal(() => new EspalierMethod(Request("espalier"), new EspalierOptions().With(topic, setting), TimeProvider.System))
            .ShouldContain(double.Parse(setting, CultureInfo.InvariantCulture).ToString(CultureInfo.InvariantCulture));

    private static string Refusal(Func<object> make) => Should.Throw<UsageException>(() => { make(); }).Message;

    private FewShotRequest Request(string method) => toy.Request(method, 0.85, count: 20, steps: 1);
}
