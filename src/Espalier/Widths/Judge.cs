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
        int[] all = [.. Enumerable.Range(0, images.Batches)];
        using var tokens = images.Embed(teacher, all, cancellation);
        var answers = new Tensor[all.Length];
        Walk(teacher, tokens, 0, (k, logits) => answers[k] = TensorScope.Current!.Keep(logits.Alias()), cancellation);
        _answers = Array.ConvertAll(answers, TensorScope.Release);
    }

    /// <summary>The student's distance from the teacher.</summary>
    public double Score(Model student, CancellationToken cancellation = default)
    {
        int[] all = [.. Enumerable.Range(0, _images.Batches)];
        using var tokens = _images.Embed(student, all, cancellation);
        return From(student, tokens, all, 0, cancellation);
    }

    /// <summary>
    /// How much further from the teacher than the student each alternative alone in it is. They share the student's own tokens up to their block. As both
    /// are measured on the same images, half of them tell as much as all tell of a distance: every other batch, those another time that were not used before.
    /// </summary>
    /// <param name="student">Where the alternatives are tried.</param>
    /// <param name="alternatives">What is tried.</param>
    /// <param name="turn">Which half; its parity counts.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    internal Dictionary<Alternative, double> Growth(Model student, IEnumerable<Alternative> alternatives, int turn, CancellationToken cancellation)
    {
        int[] half = [.. Enumerable.Range(0, _images.Batches).Where(k => _images.Batches == 1 || k % 2 == turn % 2)];
        using var tokens = _images.Embed(student, half, cancellation);
        var own = From(student, tokens, half, 0, cancellation);
        var growth = new Dictionary<Alternative, double>();
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
                growth[alternative] = From(changed, tokens, half, group.Key, cancellation) - own;
            }
        }
        return growth;
    }

    public void Dispose()
    {
        foreach (var answer in _answers) answer.Dispose();
    }

    // The mean over the batches whose tokens these are, of all processes.
    private double From(Model model, TokenStream tokens, int[] batches, int block, CancellationToken cancellation)
    {
        double sum = 0, count = 0;
        Walk(model, tokens, block, (k, logits) =>
        {
            sum += Functional.KlPerSample(_answers[batches[k]], logits).Sum().Item();
            count += logits.Size(0);
        }, cancellation);
        Span<double> all = [sum, count];
        _images.Group?.Sum(all);
        return double.IsFinite(all[0]) ? all[0] / all[1] : double.PositiveInfinity;
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
