using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Torch;

namespace Espalier.MetricSets;

/// <summary>How far a student is from its teacher on the metric set (§4).</summary>
public enum MetricKind
{
    /// <summary>Mean KL(softmax(teacher) ‖ softmax(student)) of the logits, temperature 1 ("ce" in the code).</summary>
    Kl,
    /// <summary>Mean squared difference of the features after the final LayerNorm.</summary>
    Mse,
}

/// <summary>
/// The metric set S with the teacher's answers on it, computed once. metric(i) = (1/|S|) Σ_x KL(teacher(x) ‖ student_i(x)); lower means
/// more recoverable. The score does not depend on the batch size.
/// </summary>
public sealed class Recoverability : IDisposable
{
    private const int BatchSize = 32;
    private readonly Tensor _images;
    private readonly Tensor _answers;
    private readonly MetricKind _kind;
    private readonly bool _bf16;

    /// <param name="teacher">The original network.</param>
    /// <param name="images">[n, C, S, S], normalised; a copy is kept.</param>
    /// <param name="kind">KL of logits or MSE of features.</param>
    /// <param name="bf16">Matrix products in bf16, in both networks.</param>
    public Recoverability(Model teacher, Tensor images, MetricKind kind, bool bf16 = false)
    {
        using var noGrad = new NoGrad();
        (_kind, _bf16) = (kind, bf16);
        _images = TensorScope.Release(images.Clone());
        using var scope = new TensorScope();
        _answers = TensorScope.Release(Tensor.Cat([.. Batches().Select(b => Answer(teacher, b))], 0));
    }

    /// <summary>The student's distance from the teacher; 0 for the teacher itself.</summary>
    public double Score(Model student)
    {
        using var noGrad = new NoGrad();
        double sum = 0;
        long done = 0;
        while (done < _images.Size(0))
        {
            using var scope = new TensorScope();
            var count = Math.Min(BatchSize, _images.Size(0) - done);
            var (teacher, own) = (_answers.Narrow(0, done, count), Answer(student, _images.Narrow(0, done, count)));
            sum += _kind == MetricKind.Kl
                ? Functional.KlPerSample(teacher, own).Sum().Item()
                : FeatureError.Of(student, own, teacher) * count;
            done += count;
        }
        return sum / done;
    }

    public void Dispose()
    {
        _images.Dispose();
        _answers.Dispose();
    }

    private IEnumerable<Tensor> Batches()
    {
        for (long done = 0; done < _images.Size(0); done += BatchSize)
            yield return _images.Narrow(0, done, Math.Min(BatchSize, _images.Size(0) - done));
    }

    private Tensor Answer(Model model, Tensor pixels)
    {
        using var autocast = new Autocast(_bf16, model.Device);
        return (_kind == MetricKind.Kl ? model.Logits(pixels) : model.Features(pixels)).To(DType.Float32);
    }
}
