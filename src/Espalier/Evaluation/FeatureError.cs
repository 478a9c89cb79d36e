using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Evaluation;

/// <summary>How far a student's features are from its teacher's.</summary>
internal static class FeatureError
{
    /// <summary>Mean squared difference of the tokens after the final LayerNorm; of the class token alone when the student merged others, as those have no counterpart then.</summary>
    /// <param name="student">The student.</param>
    /// <param name="own">[n, N', D], its features.</param>
    /// <param name="teacher">[n, N, D], the teacher's.</param>
    internal static double Of(Model student, Tensor own, Tensor teacher)
    {
        using var scope = new TensorScope();
        return student.Architecture.MergesTokens ? Functional.MseLoss(own.Narrow(1, 0, 1), teacher.Narrow(1, 0, 1)).Item() : Functional.MseLoss(own, teacher).Item();
    }
}
