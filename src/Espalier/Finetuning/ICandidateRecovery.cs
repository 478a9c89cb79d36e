using Espalier.Models;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>How a candidate is trained before it is scored, where that is not the finetune itself.</summary>
public interface ICandidateRecovery
{
    /// <summary>Whether a candidate is scored on the images it learned from; else on the metric set.</summary>
    bool IsJudgedByImages { get; }

    /// <summary>The training. Once it is finished, the student holds what was learnt; whoever asked disposes of it if it can be disposed of.</summary>
    /// <param name="teacher">The original network.</param>
    /// <param name="student">The network with the candidate cut.</param>
    /// <param name="compressed">All blocks cut, the candidate last.</param>
    ITrainingTask Task(Model teacher, Model student, IReadOnlyCollection<int> compressed);
}
