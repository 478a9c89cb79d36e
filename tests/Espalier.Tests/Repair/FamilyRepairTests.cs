using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Widths;

namespace Espalier.Tests.Repair;

/// <summary>Cuts and repairs on every kind of network in the family.</summary>
public class FamilyRepairTests : TorchTest
{
    public static TheoryData<string> Members => [.. FamilyNets.All.Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Members))]
    public void A_narrower_member_is_closer_to_its_teacher_when_repaired(string name)
    {
        using var test = new RepairCase(Folded(name), 3, images: 24);
        var target = test.Net.WithBlocks(b => b with
        {
            QkDim = b.QkNorm ? b.QkDim : 4, VDim = 4, MlpHidden = 9, AttentionScale = b.QkNorm ? null : 1 / Math.Sqrt(b.QkDim),
        });
        using var repaired = test.Repaired(test.Teacher, target, new RepairOptions());
        using var cut = test.Repaired(test.Teacher, target, new RepairOptions { Solve = false });
        test.Error(repaired, 1, afterMlp: true).ShouldBeLessThan(0.9 * test.Error(cut, 1, afterMlp: true));
        foreach (var (block, wanted) in repaired.Architecture.Blocks.Zip(target.Blocks)) block.ShouldBe(wanted with { QkvBias = true });
        repaired.Weights.Keys.ShouldBe(VitTensors.Expected(repaired.Architecture).Select(t => t.Name));
    }

    public static TheoryData<string> Unwindowed => [.. FamilyNets.All.Where(m => !m.Net.Staged).Select(m => m.Name)];

    [Theory]
    [MemberData(nameof(Unwindowed))]
    public void A_mixer_stands_in_for_the_attention_of_every_member(string name)
    {
        using var test = new RepairCase(Folded(name), 4, images: 24);
        var target = test.With(0, b => new VitBlock { MlpHidden = b.MlpHidden, MixerRank = 2 });
        using var repaired = test.Repaired(test.Teacher, target, new RepairOptions());
        using var removed = test.Teacher.RemoveAttention(0);
        test.Error(repaired, 0, afterMlp: true).ShouldBeLessThan(0.9 * test.Error(removed, 0, afterMlp: true));
        repaired.Architecture.Blocks[0].ShouldBe(target.Blocks[0]);
    }

    // Every part at once, in the first block behind patch merging: heads with their biases, both head widths, hidden units.
    [Theory]
    [InlineData(RepairUnitChoice.Elimination)]
    [InlineData(RepairUnitChoice.Random)]
    public void Heads_of_a_swin_go_with_their_biases(RepairUnitChoice choice)
    {
        using var test = new RepairCase(Folded("swin"), 3, images: 24);
        var target = test.With(2, b => b with { Heads = 2, QkDim = 5, VDim = 4, MlpHidden = 30, AttentionScale = 1 / Math.Sqrt(b.QkDim) });
        using var repaired = test.Repaired(test.Teacher, target, new RepairOptions { UnitChoice = choice });
        using var cut = test.Repaired(test.Teacher, target, new RepairOptions { UnitChoice = choice, Solve = false });
        repaired.Architecture.Blocks[2].ShouldBe(target.Blocks[2]);
        repaired.Weights["blocks.2.attn.relative_position_bias_table"].Shape.ShouldBe([49, 2]);
        test.Error(repaired, 2, afterMlp: true).ShouldBeLessThan(0.9 * test.Error(cut, 2, afterMlp: true));
    }

    [Fact]
    public void Removed_attentions_and_dropped_blocks_of_a_swin_leave_patch_merging()
    {
        using var test = new RepairCase(Folded("swin"), 3, images: 24);
        var target = test.Net with { Blocks = test.Net.Blocks.SetItem(1, new VitBlock { MlpHidden = 20 }).SetItem(2, test.Net.Blocks[2].Emptied()) };
        using var repaired = test.Repaired(test.Teacher, target, new RepairOptions());
        using var removed = test.Teacher.RemoveAttention(1);
        using var dropped = removed.DropBlock(2);
        repaired.Architecture.Blocks.ShouldBe(target.Blocks);
        test.Error(repaired, 3, afterMlp: true).ShouldBeLessThan(0.9 * test.Error(dropped, 3, afterMlp: true));
    }

    [Fact]
    public void Layer_scales_must_be_folded_first()
    {
        using var test = new RepairCase(TestNets.Model(Net("layer scale"), 5), 5);
        Should.Throw<ArgumentException>(() => test.Repaired(test.Teacher, test.Net, new RepairOptions())).Message
            .ShouldBe("Block 0 has layer scales; call FoldLayerScale first, as only the layers before them are solved.");
    }

    [Fact]
    public void Normalised_queries_and_keys_are_no_knob()
    {
        WidthKind[] kinds = [WidthKind.QueryKey, WidthKind.Value, WidthKind.Hidden];
        Knob.Of(Net("q/k norms"), kinds, []).Select(k => k.Kind).Distinct().ShouldBe([WidthKind.Value, WidthKind.Hidden]);
        Knob.Of(Net("no q/k/v bias"), kinds, []).Select(k => k.Kind).Distinct().ShouldBe(kinds);
    }

    private static VitArchitecture Net(string name) => FamilyNets.All.Single(m => m.Name == name).Net;

    private static VitModel Folded(string name)
    {
        using var model = TestNets.Model(Net(name), 3);
        return model.FoldLayerScale();
    }
}
