using Espalier.Models;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Widths;

/// <summary>
/// Scores students on images no repair was fitted to: mean KL(teacher ‖ student) of the logits, in nats. A student whose answers are no numbers is
/// infinitely far away, and so never the best.
/// </summary>
public sealed class Judge : IDisposable
{
    private readonly Calibration _images;
    private readonly bool _bf16;
    private readonly Tensor[] _answers;

    /// <param name="teacher">The original network.</param>
    /// <param name="images">Held-out images.</param>
    /// <param name="bf16">Matrix products in bf16.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public Judge(Model teacher, Calibration images, bool bf16, CancellationToken cancellation = default)
    {
        (_images, _bf16) = (images, bf16);
        using var scope = new TensorScope(); // frees the answers so far when stopped halfway
        using var tokens = Embed(teacher, cancellation);
        var answers = new Tensor[tokens.Count];
        Walk(teacher, tokens, 0, (k, logits) => answers[k] = TensorScope.Current!.Keep(logits.Alias()), cancellation);
        _answers = Array.ConvertAll(answers, TensorScope.Release);
    }

    /// <summary>The student's distance from the teacher.</summary>
    public double Score(Model student, CancellationToken cancellation = default)
    {
        using var tokens = Embed(student, cancellation);
        Span<double> sum = [Distances(student, tokens, 0, cancellation).Sum()];
        _images.Group?.Sum(sum);
        return Finite(sum[0] / _images.Count);
    }

    /// <summary>
    /// The student's distance, and how much further from the teacher each alternative alone in it is. All share the student's own tokens up to their block.
    /// </summary>
    internal (double Student, Dictionary<Alternative, Growth> Growth) Score(Model student, IEnumerable<Alternative> alternatives, CancellationToken cancellation)
    {
        using var tokens = Embed(student, cancellation);
        var own = Distances(student, tokens, 0, cancellation);
        var sums = new List<(Alternative Alternative, double Sum, double Squares)>();
        var reached = 0;
        foreach (var group in alternatives.GroupBy(a => a.Knob.Block).OrderBy(g => g.Key))
        {
            for (; reached < group.Key; reached++)
            {
                var block = reached;
                tokens.Advance(x => Cast(() => student.Blocks(x, block, block + 1), student), cancellation);
            }
            foreach (var alternative in group)
            {
                using var changed = alternative.In(student);
                var further = Distances(changed, tokens, group.Key, cancellation).Zip(own, (a, b) => a - b).ToArray();
                sums.Add((alternative, further.Sum(), further.Sum(d => d * d)));
            }
        }
        double[] all = [own.Sum(), .. sums.SelectMany(s => new[] { s.Sum, s.Squares })];
        _images.Group?.Sum(all);
        return (Finite(all[0] / _images.Count), sums.Select((s, k) => (s.Alternative, Growth: Growth.Of(all[1 + 2 * k], all[2 + 2 * k], _images.Count)))
            .ToDictionary(s => s.Alternative, s => s.Growth));
    }

    public void Dispose()
    {
        foreach (var answer in _answers) answer.Dispose();
    }

    private TokenStream Embed(Model model, CancellationToken cancellation) => _images.Embed(model, cancellation);

    // Of this process's images.
    private List<double> Distances(Model model, TokenStream tokens, int block, CancellationToken cancellation)
    {
        var all = new List<double>();
        Walk(model, tokens, block, (k, logits) => all.AddRange(Functional.KlPerSample(_answers[k], logits).ToArray<double>()), cancellation);
        return all;
    }

    private static double Finite(double distance) => double.IsFinite(distance) ? distance : double.PositiveInfinity;

    private void Walk(Model model, TokenStream tokens, int block, Action<int, Tensor> use, CancellationToken cancellation)
    {
        using var noGrad = new NoGrad();
        for (var k = 0; k < tokens.Count; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            use(k, Cast(() => model.Head(model.Tail(model.Blocks(tokens[k], block, model.Architecture.Depth))), model));
        }
    }

    private Tensor Cast(Func<Tensor> run, Model model)
    {
        using var autocast = new Autocast(_bf16, model.Device);
        return run().To(DType.Float32);
    }
}
