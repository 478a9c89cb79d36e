using Espalier.Evaluation;
using Espalier.Models;

namespace Espalier.Tests.Evaluation;

public class CorrelationTests
{
    [Fact]
    public void The_same_order_gives_one_and_the_reverse_minus_one_whatever_the_scale()
    {
        double[] a = [0.1, 3, 2, 70], b = [-5, 0.2, 0.1, 0.3], reversed = [.. b.Select(v => -v)];
        Correlation.Spearman(a, b).ShouldBe(1, 1e-12);
        Correlation.Kendall(a, b).ShouldBe(1, 1e-12);
        Correlation.Spearman(a, reversed).ShouldBe(-1, 1e-12);
        Correlation.Kendall(a, reversed).ShouldBe(-1, 1e-12);
    }

    [Fact]
    public void Without_ties_they_are_the_closed_forms()
    {
        // Spearman: 1 − 6·Σd²/(n(n²−1)). Kendall: 1 − 4·inversions/(n(n−1)).
        for (ulong seed = 0; seed < 20; seed++)
        {
            var order = new SeededRandom(seed).Permutation(9);
            double[] a = [.. Enumerable.Range(0, 9).Select(i => (double)i)], b = [.. order.Select(v => Math.Exp(v))];
            var squares = Enumerable.Range(0, 9).Sum(i => (i - order[i]) * (i - order[i]));
            var inversions = Enumerable.Range(0, 9).Sum(i => Enumerable.Range(0, i).Count(j => order[j] > order[i]));
            Correlation.Spearman(a, b).ShouldBe(1 - 6.0 * squares / (9 * 80), 1e-12);
            Correlation.Kendall(a, b).ShouldBe(1 - 4.0 * inversions / (9 * 8), 1e-12);
        }
    }

    [Fact]
    public void Ties_share_their_rank_and_do_not_count_as_pairs()
    {
        // Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4: covariance 4.5, variances 4.5 and 5. Five pairs in order, none against; 5 of 6 told apart by a.
        double[] a = [1, 2, 2, 3], b = [1, 3, 2, 4];
        Correlation.Spearman(a, b).ShouldBe(4.5 / Math.Sqrt(4.5 * 5), 1e-12);
        Correlation.Kendall(a, b).ShouldBe(5 / Math.Sqrt(5 * 6), 1e-12);
        double.IsNaN(Correlation.Kendall([1, 1], [1, 2])).ShouldBeTrue();
        double.IsNaN(Correlation.Spearman([1, 1], [1, 2])).ShouldBeTrue();
    }

    [Fact]
    public void What_cannot_be_ranked_is_refused()
    {
        Should.Throw<ArgumentException>(() => Correlation.Spearman([1], [1, 2]));
        Should.Throw<ArgumentException>(() => Correlation.Kendall([1, double.NaN], [1, 2])).Message.ShouldContain("NaN");
    }
}
