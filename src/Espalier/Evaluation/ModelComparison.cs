using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>A model against the one it was made from, on the same labelled images.</summary>
/// <param name="Agreement">Share of images with the same likeliest class.</param>
/// <param name="Kl">Mean KL(reference ‖ model) of the logits, in nats.</param>
/// <param name="Top1Difference">Top-1 of the model less that of the reference.</param>
/// <param name="Margin">Half of the 95 % interval of that difference, the two being paired image by image.</param>
/// <param name="Model">The model by itself.</param>
public sealed record ComparisonResult(double Agreement, double Kl, double Top1Difference, double Margin, EvaluationResult Model);

/// <summary>
/// Compares two models image by image. A few hundred images leave an accuracy uncertain by more than a point; the paired difference, agreement
/// and KL are much sharper.
/// </summary>
public sealed class ModelComparison(Evaluator evaluator)
{
    private const double NormalQuantile = 1.959964;

    /// <summary>Runs both models over all images, the reference first.</summary>
    public ComparisonResult Compare(Model model, Model reference, ImageDataset dataset, CancellationToken cancellation = default)
    {
        if (model.Architecture.Classes != reference.Architecture.Classes)
            throw new InputException($"The models know {model.Architecture.Classes} and {reference.Architecture.Classes} classes; they cannot be compared.");
        var expected = new List<(Tensor Logits, long[] Best)>();
        try
        {
            evaluator.ForEachBatch(reference, dataset, (logits, _) =>
                expected.Add((TensorScope.Release(logits.Alias()), logits.ArgMax(-1).ToArray<long>())), cancellation);
            return Compare(model, dataset, expected, cancellation);
        }
        finally
        {
            foreach (var (logits, _) in expected) logits.Dispose();
        }
    }

    private ComparisonResult Compare(Model model, ImageDataset dataset, List<(Tensor Logits, long[] Best)> expected, CancellationToken cancellation)
    {
        double kl = 0, sum = 0, squares = 0;
        var (batchNumber, agreed) = (0, 0);
        var evaluation = evaluator.Score(model, dataset, cancellation, (logits, batch) =>
        {
            var (wanted, best) = expected[batchNumber++];
            kl += Functional.KlPerSample(wanted, logits).Sum().Item();
            var own = logits.ArgMax(-1).ToArray<long>();
            for (var i = 0; i < own.Length; i++)
            {
                if (own[i] == best[i]) agreed++;
                var difference = (own[i] == batch.Labels[i] ? 1 : 0) - (best[i] == batch.Labels[i] ? 1 : 0);
                (sum, squares) = (sum + difference, squares + difference * difference);
            }
        });
        Span<double> all = [agreed, kl, sum, squares];
        evaluator.Group?.Sum(all);
        double n = dataset.Count;
        var mean = all[2] / n;
        return new ComparisonResult(all[0] / n, all[1] / n, mean, NormalQuantile * Math.Sqrt(Math.Max(0, all[3] / n - mean * mean) / n), evaluation);
    }
}
