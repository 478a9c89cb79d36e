using Espalier.Models;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

public class RidgeTests : TorchTest
{
    private const int Problems = 20;

    [Fact]
    public void The_solution_is_the_least_squares_one_of_the_system_with_a_row_for_each_pull()
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed);
            var strength = Math.Pow(10, -problem.Random.NextInt(0, 5));
            var kept = problem.SomeInputs();
            var found = problem.Solution(kept, strength);
            for (var output = 0; output < problem.Outputs; output++)
            {
                var expected = LeastSquares(Augmented(problem, kept, strength, output));
                for (var k = 0; k <= kept.Length; k++)
                    found[output][k < kept.Length ? kept[k] : problem.InputCount].ShouldBe(expected[k], 1e-4, $"problem {seed}");
            }
            for (var j = 0; j < problem.InputCount; j++)
                if (!kept.Contains(j)) found.ShouldAllBe(row => row[j] == 0);
        }
    }

    [Fact]
    public void Whatever_the_strength_the_error_is_not_above_that_of_the_weights_there_were()
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, images: 4);
            var kept = problem.SomeInputs();
            var sliced = problem.Prior.Select(row => row.Select((w, j) => j == problem.InputCount || kept.Contains(j) ? w : 0).ToArray()).ToArray();
            foreach (var strength in (double[])[1e-6, 1e-3, 1, 1e3, 1e6])
                problem.Error(problem.Solution(kept, strength)).ShouldBeLessThanOrEqualTo(problem.Error(sliced) * (1 + 1e-6), $"{seed}, {strength}");
        }
    }

    [Fact]
    public void A_strong_pull_keeps_the_weights_and_frees_the_bias()
    {
        using var problem = new LinearProblem(1);
        int[] all = [.. Enumerable.Range(0, problem.InputCount)];
        var found = problem.Solution(all, 1e8);
        for (var output = 0; output < problem.Outputs; output++)
        {
            found[output].SkipLast(1).ShouldBe(problem.Prior[output].SkipLast(1), 1e-4);
            var rest = Enumerable.Range(0, problem.X.Count).Sum(row =>
                problem.WeightOf(row) * (problem.Y[row][output] - found[output][^1] - problem.X[row].Select((x, j) => x * found[output][j]).Sum()));
            (rest / problem.X.Count).ShouldBe(0, 1e-5); // what is left has no mean: the bias took it
        }
    }

    [Fact]
    public void Inputs_that_are_never_other_than_zero_keep_their_weights()
    {
        using var some = new LinearProblem(1, change: x => (x[2], x[5]) = (0, 0));
        var found = some.Solution([.. Enumerable.Range(0, some.InputCount)], 1e-3);
        for (var output = 0; output < some.Outputs; output++)
            foreach (var j in (int[])[2, 5]) found[output][j].ShouldBe(some.Prior[output][j], 1e-9);

        using var all = new LinearProblem(1, change: x => Array.Clear(x));
        all.Solution([0, 3], 1e-3).Select(row => row[3]).ShouldBe(all.Prior.Select(row => row[3]), 1e-9);
    }

    [Fact]
    public void Taken_apart_with_equal_strengths_it_is_the_one_regression_and_with_no_share_only_what_was_cut_counts()
    {
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed);
            var kept = problem.SomeInputs();
            int[] all = [.. Enumerable.Range(0, problem.InputCount)];
            ShouldBe(problem.SolutionApart(kept, 0.1, 0.1, 1), problem.Solution(kept, 0.1), $"{seed}");
            ShouldBe(problem.SolutionApart(all, 0.1, 1e-3, 0), problem.Prior, $"{seed}: nothing was cut");
        }
    }

    [Fact]
    public void Taken_apart_the_error_is_not_above_that_of_the_weights_there_were()
    {
        var held = 0;
        for (var seed = 0UL; seed < Problems; seed++)
        {
            using var problem = new LinearProblem(seed, images: 4);
            var kept = problem.SomeInputs();
            var sliced = problem.Prior.Select(row => row.Select((w, j) => j == problem.InputCount || kept.Contains(j) ? w : 0).ToArray()).ToArray();
            foreach (var (compensation, correction, share) in (ReadOnlySpan<(double, double, double)>)[(1e-6, 1e-6, 0.5), (1e-3, 1, 0.5), (1, 1e-6, 1), (1e-3, 1e3, 1)])
            {
                var error = problem.Error(problem.SolutionApart(kept, compensation, correction, share));
                error.ShouldBeLessThanOrEqualTo(problem.Error(sliced) * (1 + 1e-6), $"{seed}, {compensation}, {correction}, {share}");
                // What was cut alone, without looking at what is wanted, can make it worse: then the step is shortened.
                if (problem.Error(problem.Compensated(kept, compensation)) > problem.Error(sliced)) held++;
            }
        }
        held.ShouldBeGreaterThan(0, "in some of the problems a step would have gone too far");
    }

    private static void ShouldBe(double[][] found, double[][] expected, string problem)
    {
        foreach (var (row, wanted) in found.Zip(expected)) row.ShouldBe(wanted, 1e-8, problem);
    }

    [Fact]
    public void Strength_is_chosen_large_for_noise_and_small_for_an_exact_map()
    {
        for (var seed = 0UL; seed < 5; seed++)
        {
            Chosen(seed, noise: 1, signal: 0).ShouldBe(1, $"noise {seed}");
            Chosen(seed, noise: 0, signal: 1).ShouldBe(1e-5, $"exact map {seed}");
        }
    }

    // Inputs are about as many as tokens, so that an unbridled fit of noise is far worse than none.
    private static double Chosen(ulong seed, double noise, double signal)
    {
        const int Images = 10, Tokens = 6, Width = 30, Outputs = 4;
        var random = new SeededRandom(seed, "strengths");
        using var scope = new TensorScope();
        using var sums = new GramSums(Width, Outputs, folds: 5, "cpu");
        var map = Normal(Width, Outputs) * signal;
        for (var image = 0; image < Images; image++)
        {
            var x = Normal(Tokens, Width);
            var y = x.MatMul(map) + Normal(Tokens, Outputs) * noise;
            sums.Add(x.Reshape(1, Tokens, Width), y.Reshape(1, Tokens, Outputs), Tensor.Ones([Tokens]), image / 2);
        }
        var prior = Tensor.Zeros([Outputs, Width + 1], DType.Float64);
        return Ridge.ChooseStrength(sums, prior, [.. Enumerable.Range(0, Width)]);

        Tensor Normal(int rows, int columns) =>
            Tensor.From<float>([.. Enumerable.Range(0, rows * columns).Select(_ => (float)random.NextGaussian())], rows, columns);
    }

    // √w·(x, 1) → √w·y for each row, √λ·eⱼ → √λ·w₀ⱼ for each kept input; the right side last.
    private static double[][] Augmented(LinearProblem problem, int[] kept, double strength, int output)
    {
        var rows = problem.X.Select((x, row) =>
        {
            var root = Math.Sqrt(problem.WeightOf(row));
            return (double[])[.. kept.Select(j => root * x[j]), root, root * problem.Y[row][output]];
        }).ToList();
        var pull = Math.Sqrt(problem.Pull(strength));
        for (var k = 0; k < kept.Length; k++)
        {
            var row = new double[kept.Length + 2];
            (row[k], row[^1]) = (pull, pull * problem.Prior[output][kept[k]]);
            rows.Add(row);
        }
        return [.. rows];
    }

    // By Gram-Schmidt on the columns, without normal equations.
    private static double[] LeastSquares(double[][] rows)
    {
        var unknowns = rows[0].Length - 1;
        var columns = Enumerable.Range(0, unknowns + 1).Select(c => rows.Select(r => r[c]).ToArray()).ToArray();
        var triangle = new double[unknowns, unknowns + 1];
        for (var c = 0; c < unknowns; c++)
        {
            var norm = Math.Sqrt(columns[c].Sum(v => v * v));
            triangle[c, c] = norm;
            columns[c] = Array.ConvertAll(columns[c], v => v / norm);
            for (var other = c + 1; other <= unknowns; other++)
            {
                var along = columns[c].Zip(columns[other], (a, b) => a * b).Sum();
                triangle[c, other] = along;
                columns[other] = [.. columns[other].Zip(columns[c], (a, b) => a - along * b)];
            }
        }
        var solution = new double[unknowns];
        for (var c = unknowns - 1; c >= 0; c--)
        {
            var sum = triangle[c, unknowns];
            for (var other = c + 1; other < unknowns; other++) sum -= triangle[c, other] * solution[other];
            solution[c] = sum / triangle[c, c];
        }
        return solution;
    }
}
