using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Training;

public class DropPathTests : TorchTest
{
    [Fact]
    public void A_rate_of_zero_needs_no_hook()
    {
        new DropPath(0, 6, 1).At(0).ShouldBeNull();
        new DropPath(0.1, 6, 1).At(0).ShouldNotBeNull();
    }

    [Theory]
    [InlineData(0, 0.0)]
    [InlineData(2, 0.12)]
    [InlineData(5, 0.3)]
    public void Branches_are_left_out_ever_more_often_towards_the_last_block(int block, double rate)
    {
        var values = Draw(new DropPath(0.3, 6, 1), block);
        var kept = (float)(1 / (1 - rate));
        values.ShouldAllBe(v => v == 0 || Math.Abs(v - kept) < 1e-6f);
        ((double)values.Count(v => v == 0) / values.Length).ShouldBe(rate, 0.02);
        ((double)values.Average()).ShouldBe(1, 0.03);
    }

    [Fact]
    public void A_single_block_has_the_whole_rate() =>
        ((double)Draw(new DropPath(0.5, 1, 1), 0).Average(v => v == 0 ? 1 : 0)).ShouldBe(0.5, 0.03);

    [Fact]
    public void A_sample_loses_its_whole_branch_or_nothing()
    {
        var branch = Tensor.Ones([40, 3, 4]);
        var rows = new DropPath(0.5, 6, 1).At(0)!(5, branch).ToArray<float>().Chunk(12);
        rows.ShouldAllBe(row => row.Distinct().Count() == 1);
    }

    [Fact]
    public void A_step_draws_the_same_branches_again_and_other_steps_others()
    {
        var path = new DropPath(0.5, 6, 1);
        var branch = Tensor.Ones([64, 1, 1]);
        var first = path.At(7)!(5, branch);
        path.At(7)!(5, branch).BitEquals(first).ShouldBeTrue();
        path.At(8)!(5, branch).BitEquals(first).ShouldBeFalse();
        new DropPath(0.5, 6, 2).At(7)!(5, branch).BitEquals(first).ShouldBeFalse();
        var hook = path.At(7)!;
        hook(5, branch).BitEquals(hook(5, branch)).ShouldBeFalse("the two branches of a block are drawn apart");
    }

    private static float[] Draw(DropPath path, int block)
    {
        var branch = Tensor.Ones([500, 1, 1]);
        return [.. Enumerable.Range(0, 10).SelectMany(step => path.At(step)!(block, branch).ToArray<float>())];
    }
}
