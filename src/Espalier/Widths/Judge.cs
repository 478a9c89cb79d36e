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
        return From(student, tokens, 0, cancellation);
    }

    /// <summary>The distances of the student with each alternative alone in it. They share the student's own tokens up to their block.</summary>
    internal Dictionary<Alternative, double> Score(Model student, IEnumerable<Alternative> alternatives, CancellationToken cancellation)
    {
        using var tokens = Embed(student, cancellation);
        var scores = new Dictionary<Alternative, double>();
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
                scores[alternative] = From(changed, tokens, group.Key, cancellation);
            }
        }
        return scores;
    }

    public void Dispose()
    {
        foreach (var answer in _answers) answer.Dispose();
    }

    private TokenStream Embed(Model model, CancellationToken cancellation) => _images.Embed(model, cancellation);

    private double From(Model model, TokenStream tokens, int block, CancellationToken cancellation)
    {
        double sum = 0;
        Walk(model, tokens, block, (k, logits) => sum += Functional.KlPerSample(_answers[k], logits).Sum().Item(), cancellation);
        Span<double> all = [sum];
        _images.Group?.Sum(all);
        return double.IsFinite(all[0]) ? all[0] / _images.Count : double.PositiveInfinity;
    }

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
