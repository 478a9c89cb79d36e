using Espalier.Models;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>
/// A random least-squares problem with correlated inputs that are not centred, weighted positions and a prior that is not the solution, as
/// plain arrays; and its sums.
/// </summary>
internal sealed class LinearProblem : IDisposable
{
    private const int Positions = 5;

    public LinearProblem(ulong seed, int inputs = 7, int outputs = 4, int images = 20, int folds = 4, Action<double[]>? change = null)
    {
        Random = new SeededRandom(seed, "linear problems");
        (InputCount, Outputs, Images) = (inputs, outputs, images);
        var mixing = Matrix(inputs, inputs, 1 / Math.Sqrt(inputs));
        for (var row = 0; row < images * Positions; row++)
        {
            var source = Vector(inputs);
            var x = mixing.Select(m => m.Zip(source, (a, b) => a * b).Sum() + 0.3).ToArray();
            change?.Invoke(x);
            X.Add([.. x.Select(Single)]);
        }
        var map = Matrix(outputs, inputs, 1);
        foreach (var x in X) Y.Add([.. map.Select(m => Single(m.Zip(x, (a, b) => a * b).Sum() + 0.5 * Random.NextGaussian() + 1))]);
        Prior = Matrix(outputs, inputs + 1, 0.5);
        Weights = [.. Enumerable.Range(0, Positions).Select(_ => Single(Random.NextDouble(0.05, 2)))];
        Sums = new GramSums(inputs, outputs, folds, "cpu");
        for (var image = 0; image < images; image++) Add(Sums, image, 1, image * folds / images);
    }

    public SeededRandom Random { get; }

    public int InputCount { get; }

    public int Outputs { get; }

    public int Images { get; }

    /// <summary>Rows of inputs, position by position, image by image; and of outputs.</summary>
    public List<double[]> X { get; } = [];

    public List<double[]> Y { get; } = [];

    public double[] Weights { get; }

    public double[][] Prior { get; }

    public GramSums Sums { get; }

    /// <summary>[D, m+1], in the current scope.</summary>
    public Tensor PriorTensor => ToTensor(Prior);

    /// <summary>Adds some images to sums; their inputs pass through a function first.</summary>
    public void Add(GramSums sums, int first, int count, int fold, Func<Tensor, Tensor>? change = null)
    {
        using var scope = new TensorScope();
        var (from, rows) = (first * Positions, count * Positions);
        var x = ToTensor([.. X.Skip(from).Take(rows)]).Reshape(count, Positions, InputCount);
        var y = ToTensor([.. Y.Skip(from).Take(rows)]).Reshape(count, Positions, Outputs);
        sums.Add(change is null ? x : change(x), y, Tensor.From<double>(Weights), fold);
    }

    public double WeightOf(int row) => Weights[row % Positions];

    /// <summary>Σ w·‖y − W·x‖² in plain loops.</summary>
    public double Error(double[][] map, Func<int, bool>? isRow = null)
    {
        double error = 0;
        for (var row = 0; row < X.Count; row++)
            if (isRow is null || isRow(row))
                for (var o = 0; o < Outputs; o++)
                {
                    var answer = map[o][InputCount];
                    for (var j = 0; j < InputCount; j++) answer += map[o][j] * X[row][j];
                    error += WeightOf(row) * (Y[row][o] - answer) * (Y[row][o] - answer);
                }
        return error;
    }

    /// <summary>λ in plain loops: a fraction of the inputs' mean second moment.</summary>
    public double Pull(double strength)
    {
        double moment = 0;
        for (var row = 0; row < X.Count; row++) moment += WeightOf(row) * X[row].Sum(v => v * v);
        return moment / InputCount * strength;
    }

    /// <summary>The least of what ridge minimises, the error plus λ·‖W − W₀‖² with the bias free, over maps of these inputs.</summary>
    public double Least(IEnumerable<int> kept, double strength)
    {
        using var scope = new TensorScope();
        var map = ToTensor(Solution([.. kept.Order()], strength));
        var moved = (map - PriorTensor).Narrow(1, 0, InputCount);
        return Sums.Error(map) + Sums.Gram().Diagonal().Narrow(0, 0, InputCount).Mean().Item() * strength * (moved * moved).Sum().Item();
    }

    /// <summary>The same without some inputs.</summary>
    public double LeastWithout(IEnumerable<int> gone, double strength) => Least(Enumerable.Range(0, InputCount).Except(gone), strength);

    /// <summary>The map <see cref="Ridge"/> finds, zero where an input is gone.</summary>
    public double[][] Solution(int[] kept, double strength)
    {
        using var scope = new TensorScope();
        return ToRows(Ridge.Widen(Ridge.Solve(Sums.Gram(), Sums.Cross(), PriorTensor, kept, strength), kept, InputCount));
    }

    /// <summary>The map <see cref="Ridge.SolveApart"/> finds, zero where an input is gone.</summary>
    public double[][] SolutionApart(int[] kept, double compensation, double correction, double share)
    {
        using var scope = new TensorScope();
        return ToRows(Ridge.Widen(Ridge.SolveApart(Sums.Gram(), Sums.Cross(), PriorTensor, kept, compensation, correction, share), kept, InputCount));
    }

    /// <summary>The map that gives, of some inputs, what the prior gives of all.</summary>
    public double[][] Compensated(int[] kept, double strength)
    {
        using var scope = new TensorScope();
        return ToRows(Ridge.Widen(Ridge.Solve(Sums.Gram(), PriorTensor.MatMul(Sums.Gram()), PriorTensor, kept, strength), kept, InputCount));
    }

    /// <summary>Ascending inputs, at least one.</summary>
    public int[] SomeInputs() => [.. Random.Choose(InputCount, Random.NextInt(1, InputCount)).Order()];

    public void Dispose() => Sums.Dispose();

    public static Tensor ToTensor(double[][] rows) => Tensor.From<double>([.. rows.SelectMany(r => r)], rows.Length, rows[0].Length);

    public static double[][] ToRows(Tensor matrix) => [.. matrix.ToArray<double>().Chunk((int)matrix.Size(1))];

    private double[][] Matrix(int rows, int columns, double scale) =>
        [.. Enumerable.Range(0, rows).Select(_ => Vector(columns).Select(v => v * scale).ToArray())];

    private double[] Vector(int count) => [.. Enumerable.Range(0, count).Select(_ => Random.NextGaussian())];

    // Exact in fp32, in which sums take their inputs.
    private static double Single(double value) => (float)value;
}
