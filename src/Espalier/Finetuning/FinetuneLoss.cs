using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>What a finetune minimises.</summary>
public enum FinetuneLoss
{
    /// <summary>The method, and MiR: the distance from the teacher's features.</summary>
    Mimic,
    /// <summary><c>KD</c>: KL from the teacher's softened answers.</summary>
    SoftLabels,
    /// <summary><c>BP</c>: cross-entropy with labels (§5.3).</summary>
    Labels,
}

/// <summary>Checks of a <see cref="FinetuneLoss"/>.</summary>
internal static class FinetuneLosses
{
    /// <summary>Makes sure that the request's images have the labels their loss needs.</summary>
    /// <exception cref="InputException">They have none, or others than the model knows.</exception>
    internal static void Require(this FinetuneLoss loss, FewShotRequest request)
    {
        if (loss != FinetuneLoss.Labels) return;
        var images = request.Images ?? throw new InputException("A loss on labels needs labelled images; synthetic ones have none.");
        Evaluator.Require(images, request.Model.Architecture);
    }
}

/// <summary>The finetuning loss of the rivals KD and BP: on answers instead of features. The head stays as it is, as with the method.</summary>
/// <param name="teacher">The original network.</param>
/// <param name="student">The compressed network.</param>
/// <param name="loss">Any but <see cref="FinetuneLoss.Mimic"/>.</param>
/// <param name="trainable">Names of the student's tensors that move.</param>
public sealed class AnswerLoss(Model teacher, Model student, FinetuneLoss loss, IEnumerable<string> trainable) : FinetuneTask(student, trainable)
{
    /// <summary>Divides the logits of both networks before the softmax; the loss is scaled back by its square (Hinton et al., 2015).</summary>
    public const double Temperature = 4;

    private readonly Model _student = student;

    public override Tensor Loss(TensorBatch batch, long step)
    {
        var answers = (BatchStatistics ? _student.TrainingLogits(batch.Pixels) : _student.Logits(batch.Pixels)).To(DType.Float32);
        if (loss == FinetuneLoss.Labels) return Functional.CrossEntropy(answers, batch.Labels!);
        Tensor wanted;
        using (new NoGrad()) wanted = teacher.Logits(batch.Pixels).To(DType.Float32);
        return Functional.KlPerSample(wanted / Temperature, answers / Temperature).Mean() * (Temperature * Temperature);
    }
}
