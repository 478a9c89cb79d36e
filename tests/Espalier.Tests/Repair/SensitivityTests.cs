using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class SensitivityTests : TorchTest
{
    private const double Floor = 0.05;

    [Fact]
    public void Weights_have_mean_one_and_none_is_below_the_floor() => RepairCase.ForEach(4, test =>
    {
        foreach (var weights in All(test))
        {
            weights.Shape.ShouldBe([test.Net.Tokens]);
            weights.Mean().Item().ShouldBe(1, 1e-5);
            weights.ToArray<float>().ShouldAllBe(w => w >= Floor * 0.9999);
        }
    });

    [Fact]
    public void Deep_down_the_class_token_is_what_counts() => RepairCase.ForEach(4, test =>
    {
        var depth = test.Net.Depth;
        foreach (var weights in (Tensor[])[test.Sensitivity.AfterAttention(depth - 1).Tokens, test.Sensitivity.AfterBlock(depth - 1).Tokens])
        {
            // Nothing follows that mixes tokens, and the head reads the class token alone.
            var values = weights.ToArray<float>();
            values.Skip(1).ShouldAllBe(w => Math.Abs(w - Floor) < 1e-6);
            values[0].ShouldBe((float)(test.Net.Tokens * (1 - Floor) + Floor), 1e-3f);
        }
        for (var block = 0; block < depth - 1; block++)
        {
            var values = test.Sensitivity.AfterBlock(block).Tokens.ToArray<float>();
            values[0].ShouldBeGreaterThan(2 * values.Skip(1).Average());
            values.Skip(1).ShouldAllBe(w => w > Floor * 1.01);
        }
    });

    [Fact]
    public void A_weight_is_the_root_of_the_mean_squared_gradient_of_its_token()
    {
        using var test = new RepairCase(2);
        using var model = EvenlySplit(test, out var row);
        using var weights = Sensitivity.Measure(model, test.Images, 1, CancellationToken.None);
        // ∂loss/∂logits is ±(½, −½), so a token's gradient is that of row·class token but for its sign.
        var gradient = Gradient(test, model, row, afterMlp: false);
        var roots = (gradient * gradient).Sum([0, 2]).Sqrt();
        Distance(weights.AfterAttention(0).Tokens, roots / roots.Mean() * (1 - Floor) + Floor).ShouldBeLessThan(1e-2);
    }

    [Fact]
    public void The_metric_of_the_channels_is_half_the_gradients_second_moment_and_half_the_identity()
    {
        using var test = new RepairCase(2);
        using var model = EvenlySplit(test, out var row);
        using var sensitivity = Sensitivity.Measure(model, test.Images, 1, CancellationToken.None);
        var gradient = Gradient(test, model, row, afterMlp: true).To(DType.Float64).Reshape(-1, model.Architecture.EmbedDim);
        var moment = gradient.Transpose(0, 1).MatMul(gradient);
        var identity = Tensor.Eye(model.Architecture.EmbedDim, DType.Float64);
        var expected = moment / moment.Diagonal().Mean() * 0.5 + identity * 0.5;
        var root = sensitivity.AfterBlock(0).Root!;
        Distance(root.Transpose(0, 1).MatMul(root), expected).ShouldBeLessThan(1e-2);
    }

    [Fact]
    public void The_same_seed_draws_the_same_answers_and_another_does_not()
    {
        using var test = new RepairCase(3);
        using var one = Sensitivity.Measure(test.Teacher, test.Images, 7, CancellationToken.None);
        using var again = Sensitivity.Measure(test.Teacher, test.Images, 7, CancellationToken.None);
        using var other = Sensitivity.Measure(test.Teacher, test.Images, 8, CancellationToken.None);
        again.AfterAttention(0).Tokens.BitEquals(one.AfterAttention(0).Tokens).ShouldBeTrue();
        again.AfterBlock(0).Tokens.BitEquals(one.AfterBlock(0).Tokens).ShouldBeTrue();
        other.AfterAttention(0).Tokens.BitEquals(one.AfterAttention(0).Tokens).ShouldBeFalse();
    }

    [Fact]
    public void Equal_weights_are_all_one()
    {
        using var test = new RepairCase(1);
        using var equal = Sensitivity.Equal(test.Teacher);
        for (var block = 0; block < test.Net.Depth; block++)
            foreach (var weights in (Tensor[])[equal.AfterAttention(block).Tokens, equal.AfterBlock(block).Tokens])
                weights.BitEquals(Tensor.Ones([test.Net.Tokens])).ShouldBeTrue();
    }

    // With one class the answer is certain; with two far apart, too. So let the head be split evenly: p = ½ for both, whatever the tokens.
    private static VitModel EvenlySplit(RepairCase test, out Tensor row)
    {
        var model = test.Teacher.ReplaceHead(2, seed: 1);
        row = model.Weights["head.weight"].Narrow(0, 0, 1).Clone() * 0.001;
        model.Weights["head.weight"].CopyFrom(Tensor.Cat([row, -row], 0));
        return model;
    }

    // Of row·class token, at the tokens inside or behind block 0.
    private static Tensor Gradient(RepairCase test, VitModel model, Tensor row, bool afterMlp)
    {
        var x = model.Embed(test.Pixels);
        x.RequiresGrad = true;
        var half = model.AfterAttention(0, x);
        var end = model.AfterMlp(0, half);
        var score = model.Norm(model.Blocks(end, 1, model.Architecture.Depth)).Select(1, 0).MatMul(row.Transpose(0, 1)).Sum();
        return Autograd.Gradients(score, [afterMlp ? end : half])[0]!;
    }

    private static IEnumerable<Tensor> All(RepairCase test) =>
        Enumerable.Range(0, test.Net.Depth).SelectMany(b => (Tensor[])[test.Sensitivity.AfterAttention(b).Tokens, test.Sensitivity.AfterBlock(b).Tokens]);
}
