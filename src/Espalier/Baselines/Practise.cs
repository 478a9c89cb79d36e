using Espalier.DcVit;
using Espalier.Finetuning;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Baselines;

/// <summary>
/// PRACTISE (Wang and Wu, CVPR 2023), on Vision Transformers as DC-ViT compares itself with it: drop each block alone, let adaptors around
/// the gap learn, score; drop the k best-recovered blocks together; finetune all but the head by the teacher's features. Adaptors serve
/// the score alone and are gone afterwards. The score is what is left after the recovery, over what the block saves: of the target's
/// measure and not of a measured latency, so that a run can be repeated.
/// </summary>
public sealed class Practise(MetricKind kind) : ICandidateRecovery
{
    /// <summary>The switches that make the method out of DC-ViT's steps.</summary>
    /// <param name="options">What else was asked for.</param>
    /// <param name="kind">What adaptors learn by and are scored by: KL of logits or MSE of features.</param>
    public static DcVitOptions Options(DcVitOptions options, MetricKind kind) =>
        options with
        {
            Variant = BlockVariant.Drop,
            Once = true,
            Recovery = new Practise(kind),
            Finetune = options.Finetune with { Update = options.Finetune.Update ?? UpdateRange.All },
        };

    public bool IsJudgedByImages => true;

    public ITrainingTask Task(Model teacher, Model student, IReadOnlyCollection<int> compressed) =>
        new AdaptorTask(teacher, student, compressed.Last(), kind);

    private sealed class AdaptorTask(Model teacher, Model student, int dropped, MetricKind kind) : ITrainingTask, IDisposable
    {
        private readonly Adaptors _adaptors = new(student, dropped);

        public IReadOnlyList<Tensor> Parameters => _adaptors.Parameters;

        public Tensor Loss(TensorBatch batch, long step)
        {
            Tensor wanted;
            using (new NoGrad()) wanted = Answer(teacher, batch.Pixels);
            using var folded = _adaptors.Fold(student);
            var given = Answer(folded, batch.Pixels);
            return kind == MetricKind.Kl ? Functional.KlPerSample(wanted, given).Mean() : Functional.MseLoss(given, wanted);
        }

        public void Finish()
        {
            using var folded = _adaptors.Fold(student);
            student.Weights.CopyFrom(folded.Weights);
        }

        public void Dispose() => _adaptors.Dispose();

        private Tensor Answer(Model model, Tensor pixels) =>
            (kind == MetricKind.Kl ? model.Logits(pixels) : model.Features(pixels)).To(DType.Float32);
    }
}
