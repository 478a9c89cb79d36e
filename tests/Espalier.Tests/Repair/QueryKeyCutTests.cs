using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class QueryKeyCutTests : TorchTest
{
    private const int Networks = 6;

    [Fact]
    public void Losses_are_the_squared_logit_errors_of_the_truncated_factors_and_descend_to_none() => ForEach((attention, queries, keys) =>
    {
        using var cut = QueryKeyCut.Of(attention, queries, keys);
        var width = (int)attention.Query[0].Size(0);
        cut.Losses.Length.ShouldBe(width + 1);
        cut.Losses.ShouldBe(cut.Losses.OrderDescending());
        cut.Losses[width].ShouldBe(0);
        for (var rank = 1; rank <= width; rank++)
            Loss(attention, cut.Apply(attention, rank), queries, keys).ShouldBe(cut.Losses[rank], 1e-4 * cut.Losses[0], $"rank {rank}");
        var nothing = attention with { Query = Array.ConvertAll(attention.Query, q => q * 0.0) };
        Loss(attention, nothing, queries, keys).ShouldBe(cut.Losses[0], 1e-4 * cut.Losses[0]);
    });

    [Fact]
    public void No_cut_of_the_map_alone_has_a_smaller_loss() => ForEach((attention, queries, keys) =>
    {
        using var cut = QueryKeyCut.Of(attention, queries, keys);
        for (var rank = 1; rank < attention.Query[0].Size(0); rank++)
        {
            var (query, key) = (new Tensor[attention.Query.Length], new Tensor[attention.Query.Length]);
            for (var h = 0; h < query.Length; h++)
            {
                var (u, s, vt) = attention.Query[h].Transpose(0, 1).MatMul(attention.Key[h]).Svd();
                query[h] = (u.Narrow(1, 0, rank) * s.Narrow(0, 0, rank)).Transpose(0, 1);
                key[h] = vt.Narrow(0, 0, rank);
            }
            cut.Losses[rank].ShouldBeLessThan(Loss(attention, attention with { Query = query, Key = key }, queries, keys));
        }
    });

    [Fact]
    public void What_all_keys_of_a_query_share_costs_nothing() => ForEach((attention, queries, keys) =>
    {
        // A bias of the keys moves all logits of a query alike, which softmax does not see.
        var moved = attention with { Key = Array.ConvertAll(attention.Key, Biased) };
        using var plain = QueryKeyCut.Of(attention, queries, keys);
        using var shifted = QueryKeyCut.Of(moved, queries, keys);
        for (var rank = 0; rank < plain.Losses.Length; rank++)
            shifted.Losses[rank].ShouldBe(plain.Losses[rank], 1e-3 * plain.Losses[0], $"rank {rank}");

        static Tensor Biased(Tensor key)
        {
            var copy = key.Clone();
            copy.Narrow(1, key.Size(1) - 1, 1).AddInPlace(Tensor.Ones([1], DType.Float64));
            return copy;
        }
    });

    /// <summary>Tokens that are all alike give keys that, centred within their image, are nothing.</summary>
    [Fact]
    public void Keys_that_are_all_alike_cost_nothing() => ForEach((attention, queries, keys) =>
    {
        using var cut = QueryKeyCut.Of(attention, queries, keys * 0.0);
        cut.Losses.ShouldAllBe(l => Math.Abs(l) < 1e-20);
        var narrow = cut.Apply(attention, 1);
        narrow.Query.Concat(narrow.Key).ShouldAllBe(t => double.IsFinite(t.Abs().Max().Item()));
    });

    [Fact]
    public void Moments_are_of_weighted_queries_and_of_keys_centred_within_their_image()
    {
        using var test = new RepairCase(1);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        var weights = test.Sensitivity.AfterAttention(1).Tokens;
        var (queries, keys) = TokenMoments.Of(tokens, x => test.Teacher.AttentionInput(0, x), weights, group: null);
        var x = test.Teacher.AttentionInput(0, test.Teacher.Embed(test.Pixels)).To(DType.Float64);
        x = Tensor.Cat([x, Tensor.Ones([x.Size(0), x.Size(1), 1], DType.Float64)], -1);
        var root = weights.To(DType.Float64).Sqrt().Reshape(1, -1, 1);
        Distance(queries, Gram(x * root)).ShouldBeLessThan(1e-3);
        Distance(keys, Gram(x - x.Mean([1], keepDim: true))).ShouldBeLessThan(1e-3);
        keys.Select(0, keys.Size(0) - 1).Abs().Max().Item().ShouldBe(0);

        static Tensor Gram(Tensor x) => x.Reshape(-1, x.Size(-1)).Transpose(0, 1).MatMul(x.Reshape(-1, x.Size(-1)));
    }

    // Σ over heads of ‖C_q^½·(A − B)·C_k^½‖² = tr((A − B)ᵀ·C_q·(A − B)·C_k), A and B being the maps of the logits.
    private static double Loss(AttentionTensors before, AttentionTensors after, Tensor queries, Tensor keys)
    {
        double sum = 0;
        for (var h = 0; h < before.Query.Length; h++)
        {
            var lost = Map(before, h) - Map(after, h);
            sum += (lost.Transpose(0, 1).MatMul(queries).MatMul(lost) * keys).Sum().Item();
        }
        return sum;

        static Tensor Map(AttentionTensors a, int h) => a.Query[h].Transpose(0, 1).MatMul(a.Key[h]);
    }

    private static void ForEach(Action<AttentionTensors, Tensor, Tensor> check) => RepairCase.ForEach(Networks, test =>
    {
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        var (queries, keys) = TokenMoments.Of(tokens, x => test.Teacher.AttentionInput(0, x), test.Sensitivity.AfterAttention(0).Tokens, group: null);
        check(AttentionTensors.Of(test.Teacher, 0), queries, keys);
    });
}
