using Espalier.DcVit;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Tests.DcVit;

public class BlockCompressionTests : TorchTest
{
    private const int Hidden = 256;

    private static readonly BlockCompression s_method = new(BlockVariant.Compress, MlpInit.RandomSample, 95, NormEps: null, Seed: 7);

    [Fact]
    public void The_compressed_block_reuses_the_weights_of_its_units_and_loses_its_attention()
    {
        using var teacher = Numbered(1);
        using var student = s_method.Apply(teacher, 2, 0);
        student.Architecture.Blocks[2].ShouldBe(new VitBlock { MlpHidden = 95 });
        var units = Units(student, 2);
        units.ShouldBe(units.Distinct().Order());
        units.ShouldAllBe(u => u >= 0 && u < Hidden);
        using var expected = Sliced(teacher, 2, units);
        student.Weights.Differences(expected.Weights).ShouldBeEmpty();
    }

    [Fact]
    public void Random_units_depend_on_seed_block_and_step_alone()
    {
        using var teacher = Numbered(1);
        using var other = Numbered(2);
        var units = Units(s_method, teacher, 2, 1);
        TorchRuntime.Seed(99);
        Units(s_method, teacher, 3, 0).ShouldNotBe(units);
        Units(s_method, other, 2, 1).ShouldBe(units);
        Units(s_method, teacher, 2, 2).ShouldNotBe(units);
        Units(s_method with { Seed = 8 }, teacher, 2, 1).ShouldNotBe(units);
    }

    [Fact]
    public void Every_unit_has_the_same_chance()
    {
        using var teacher = Numbered(1);
        var counts = new int[Hidden];
        for (var step = 0; step < 100; step++)
            foreach (var unit in Units(s_method with { Hidden = 64 }, teacher, 1, step)) counts[unit]++;
        counts.Min().ShouldBeGreaterThan(5);
        counts.Max().ShouldBeLessThan(50);
    }

    [Fact]
    public void Gelu_sample_keeps_the_largest_means_with_their_sign()
    {
        using var teacher = Numbered(1);
        var mean = new float[Hidden];
        for (var k = 0; k < Hidden; k++) mean[k] = -1 - k % 7;
        (mean[200], mean[3], mean[77]) = (0.5f, 0.1f, 2);
        using var student = (s_method with { Init = MlpInit.GeluSample, Hidden = 3 }).Apply(teacher, 4, 0, mean);
        Units(student, 4).ShouldBe([3, 77, 200]);
        Should.Throw<ArgumentException>(() => (s_method with { Init = MlpInit.GeluSample }).Apply(teacher, 4, 0, [1f])).Message
            .ShouldBe("Block 4 has 256 hidden units but 1 mean activations were given.");
    }

    [Fact]
    public void Random_init_draws_only_the_mlp_anew()
    {
        using var teacher = TestNets.Tiny(1);
        var fresh = s_method with { Init = MlpInit.RandomInit };
        using var student = fresh.Apply(teacher, 2, 0);
        using var again = fresh.Apply(teacher, 2, 0);
        using var kept = s_method.Apply(teacher, 2, 0);
        string[] mlp = ["blocks.2.mlp.fc1.weight", "blocks.2.mlp.fc1.bias", "blocks.2.mlp.fc2.weight", "blocks.2.mlp.fc2.bias"];
        student.Weights.Differences(kept.Weights).ShouldBe(mlp);
        again.Weights.Differences(student.Weights).ShouldBeEmpty();
        foreach (var name in mlp)
        {
            var bound = 1 / Math.Sqrt(name.Contains("fc1") ? 64 : 95);
            var values = student.Weights[name].ToArray<float>();
            values.ShouldAllBe(v => Math.Abs(v) <= bound * 1.0001);
            values.Max(Math.Abs).ShouldBeGreaterThan((float)(0.9 * bound), name);
        }
    }

    [Theory]
    [InlineData(BlockVariant.RemoveAttention, BlockKind.FfnOnly, Hidden)]
    [InlineData(BlockVariant.RemoveMlp, BlockKind.AttnOnly, 0)]
    [InlineData(BlockVariant.Identity, BlockKind.Linear, 0)]
    [InlineData(BlockVariant.Drop, BlockKind.Dropped, 0)]
    public void Every_variant_changes_its_block_and_nothing_else(BlockVariant variant, BlockKind kind, int hidden)
    {
        using var teacher = TestNets.Tiny(1);
        using var student = (s_method with { Variant = variant }).Apply(teacher, 3, 0);
        (student.Architecture.Blocks[3].Kind, student.Architecture.Blocks[3].MlpHidden).ShouldBe((kind, hidden));
        student.Weights.Differences(teacher.Weights).ShouldAllBe(name => name.StartsWith("blocks.3."));
        student.Architecture.Blocks.RemoveAt(3).ShouldBe(teacher.Architecture.Blocks.RemoveAt(3));
    }

    [Theory]
    [InlineData(BlockVariant.Compress)]
    [InlineData(BlockVariant.RemoveAttention)]
    public void The_norm_epsilon_is_the_blocks_own_or_the_profiles(BlockVariant variant)
    {
        using var plain = TestNets.Tiny(1);
        using var teacher = plain.SetNormEps(2, 1e-3);
        var compression = s_method with { Variant = variant };
        using var clean = (compression with { NormEps = DcVitProfile.Clean.CompressedNormEps }).Apply(teacher, 2, 0);
        using var official = (compression with { NormEps = DcVitProfile.Official.CompressedNormEps }).Apply(teacher, 2, 0);
        clean.Architecture.Blocks[2].NormEps.ShouldBe(1e-3);
        official.Architecture.Blocks[2].NormEps.ShouldBe(1e-5);
        official.Architecture.Blocks.Where((_, i) => i != 2).ShouldAllBe(b => b.NormEps == null);
        using var dense = (compression with { NormEps = null }).Apply(plain, 2, 0);
        dense.Architecture.Blocks[2].NormEps.ShouldBeNull();
    }

    [Fact]
    public void The_epsilon_of_the_official_profile_changes_the_output()
    {
        using var teacher = TestNets.Tiny(1);
        using var clean = s_method.Apply(teacher, 2, 0);
        using var official = (s_method with { NormEps = 1e-5 }).Apply(teacher, 2, 0);
        var pixels = TestNets.Pixels(teacher.Architecture, 2, 1);
        official.Weights.Differences(clean.Weights).ShouldBeEmpty();
        Distance(official.Answer(pixels), clean.Answer(pixels)).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void A_second_cut_is_drawn_from_what_the_first_left()
    {
        using var teacher = Numbered(1);
        using var first = s_method.Apply(teacher, 2, 0);
        using var second = (s_method with { Hidden = 10 }).Apply(first, 2, 1);
        Units(second, 2).ShouldBeSubsetOf(Units(first, 2));
    }

    /// <summary>A network whose first MLP bias names its hidden units.</summary>
    private static VitModel Numbered(ulong seed)
    {
        var model = TestNets.Tiny(seed);
        for (var block = 0; block < 6; block++) model.Weights[$"blocks.{block}.mlp.fc1.bias"].CopyFrom(Range(Hidden));
        return model;
    }

    private static int[] Units(VitModel student, int block) =>
        Array.ConvertAll(student.Weights[$"blocks.{block}.mlp.fc1.bias"].ToArray<float>(), v => (int)v);

    private static int[] Units(BlockCompression compression, VitModel teacher, int block, int step)
    {
        using var student = compression.Apply(teacher, block, step);
        return Units(student, block);
    }

    private static VitModel Sliced(VitModel teacher, int block, int[] units)
    {
        using var whole = teacher.RemoveAttention(block);
        return whole.KeepHidden(block, units);
    }
}
