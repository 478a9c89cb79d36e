using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class ValueBasisTests : TorchTest
{
    private const int Networks = 6;

    [Fact]
    public void The_network_computes_what_it_did() => ForEach((test, turned, _, _) =>
    {
        var expected = test.Teacher.Answer(test.Pixels);
        Distance(turned.Answer(test.Pixels), expected).ShouldBeLessThan(1e-5 * Math.Max(1, expected.Abs().Max().Item()));
    });

    [Fact]
    public void The_dimensions_of_a_head_are_uncorrelated_of_variance_one_and_sorted_by_what_they_add() => ForEach((test, turned, _, outputs) =>
    {
        int heads = test.Net.Blocks[0].Heads, width = test.Net.Blocks[0].VDim;
        var centred = (outputs - outputs.Mean([0], keepDim: true)).To(DType.Float64);
        for (var h = 0; h < heads; h++)
        {
            var own = centred.Narrow(1, h * width, width);
            var covariance = own.Transpose(0, 1).MatMul(own) / outputs.Size(0);
            Distance(covariance, Tensor.Eye(width, DType.Float64)).ShouldBeLessThan(1e-3);
            var projection = AttentionTensors.Of(turned, 0).Projection.Narrow(1, h * width, width);
            var norms = projection.Norm([0]).ToArray<double>();
            norms.ShouldBe(norms.OrderDescending(), 1e-9);
            var products = projection.Transpose(0, 1).MatMul(projection);
            (products - products.Diagonal().Reshape(-1, 1) * Tensor.Eye(width, DType.Float64)).Abs().Max().Item().ShouldBeLessThan(1e-4);
        }
    });

    [Fact]
    public void The_change_of_basis_is_that_of_the_head_outputs() => ForEach((test, turned, basis, outputs) =>
    {
        var before = test.Teacher.HeadOutputs(0, test.Teacher.AttentionInput(0, test.Teacher.Embed(test.Pixels)));
        var expected = before.Reshape(-1, before.Size(-1)).To(DType.Float64).MatMul(basis.Transpose(0, 1));
        Distance(outputs.To(DType.Float64), expected).ShouldBeLessThan(1e-3);
    });

    /// <summary>Heads that give the same for every token, or nothing: sums over their outputs round to a variance of 0, or one below it.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Heads_that_do_not_vary_have_a_basis_all_the_same(double output) => RepairCase.ForEach(1, test =>
    {
        var attention = AttentionTensors.Of(test.Teacher, 0);
        var all = attention.Projection.Size(1) - 1;
        var row = Tensor.Cat([Tensor.Full([1, all], output, DType.Float64), Tensor.Ones([1, 1], DType.Float64)], 1);
        var gram = row.Transpose(0, 1).MatMul(row) * 17;
        gram.Diagonal().Narrow(0, 0, all).AddInPlace(Tensor.Full([all], -1e-9 * output, DType.Float64));
        var (turned, basis) = ValueBasis.Choose(attention, gram);
        double.IsFinite(basis.Abs().Max().Item()).ShouldBeTrue();
        using var model = turned.PutInto(test.Teacher, 0);
        Distance(model.Answer(test.Pixels), test.Teacher.Answer(test.Pixels)).ShouldBeLessThan(1e-3);
    });

    // The network with its first attention turned, the basis, and the head outputs in it [tokens, heads·v].
    private static void ForEach(Action<RepairCase, VitModel, Tensor, Tensor> check) => RepairCase.ForEach(Networks, test =>
    {
        var x = test.Teacher.AttentionInput(0, test.Teacher.Embed(test.Pixels));
        var outputs = test.Teacher.HeadOutputs(0, x);
        var whole = Tensor.Cat([outputs, Tensor.Ones([outputs.Size(0), outputs.Size(1), 1])], -1).Reshape(-1, outputs.Size(-1) + 1).To(DType.Float64);
        var (attention, basis) = ValueBasis.Choose(AttentionTensors.Of(test.Teacher, 0), whole.Transpose(0, 1).MatMul(whole));
        using var turned = attention.PutInto(test.Teacher, 0);
        check(test, turned, basis, turned.HeadOutputs(0, x).Reshape(-1, outputs.Size(-1)));
    });
}
