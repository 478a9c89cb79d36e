using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>The forward pass where nothing but its result is wanted.</summary>
public static class VitEvaluation
{
    /// <summary>
    /// Pixels to logits, freeing the intermediate results of each block before the next: a fraction of the memory of
    /// <see cref="VitForward.Logits"/>, whose results live as long as the caller's scope. Call it without gradients.
    /// </summary>
    public static Tensor EvaluationLogits(this VitModel model, Tensor pixels)
    {
        using var scope = new TensorScope();
        var tokens = Alone(() => model.Embed(pixels));
        for (var i = 0; i < model.Architecture.Depth; i++)
        {
            var block = i;
            var before = tokens;
            tokens = Alone(() => model.Block(block, before));
            // A dropped block gives back the very tokens it was given.
            if (!ReferenceEquals(before, tokens)) before.Dispose();
        }
        return scope.Keep(model.Head(model.Norm(tokens)));
    }

    private static Tensor Alone(Func<Tensor> work)
    {
        using var scope = new TensorScope();
        return scope.Keep(work());
    }
}
