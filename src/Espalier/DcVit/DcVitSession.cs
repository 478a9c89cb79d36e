using Espalier.Budget;
using Espalier.FewShot;
using Espalier.Models.Vit;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>What the steps of DC-ViT share besides: switches, plan, edit, training.</summary>
internal sealed class DcVitSession(FewShotRequest request, DcVitOptions options, Structure structure, RunFolder folder, TimeProvider time)
    : FewShotSession(WithStorage(request, options.Profile), folder, DcVitMethod.Phases, time)
{
    internal new VitModel Teacher => (VitModel)base.Teacher;

    internal DcVitOptions Options => options;

    internal Structure Structure => structure;

    /// <summary>The edit of a block.</summary>
    /// <param name="block">Index of the block.</param>
    /// <param name="order">All blocks that are compressed, once they are known.</param>
    internal BlockCompression Compression(int block, IReadOnlyCollection<int>? order) => new(options.Variant, options.UnitChoice,
        (order is null ? structure : structure.For(order)).HiddenIn(block), options.Profile.CompressedNormEps, request.Seed);

    /// <summary>
    /// What a candidate's score is multiplied with. Every candidate of the method saves about the same; PRACTISE divides by what a block saves,
    /// here of what the one that saves least does: 1 where all are alike.
    /// </summary>
    internal double Weight(int block)
    {
        if (options.Recovery is null) return 1;
        return structure.Candidates.Min(Saved) / Saved(block);

        double Saved(int candidate) => structure.Before.In(structure.Limit.Measure)
            - VitCost.Of(BlockVariants.Apply(Teacher.Architecture, [candidate], options.Variant, hidden: 0, options.Profile)).In(structure.Limit.Measure);
    }

    internal new VitModel LoadStudent(string step) => (VitModel)base.LoadStudent(step);

    /// <summary>Trains what was cut.</summary>
    internal Finetuner Finetuner => new(Teacher, Samples.Train, options, Compute, Request.Seed, Time);

    /// <summary>Trains a candidate before it is scored.</summary>
    internal Finetuner Recoverer => new(Teacher, Samples.Train, options, Compute, Request.Seed, Time) { Recovery = options.Recovery };

    /// <summary>Trains the student in place, as part of a step.</summary>
    /// <param name="finetuner"><see cref="Finetuner"/> or <see cref="Recoverer"/>.</param>
    /// <param name="context">The step.</param>
    /// <param name="student">The compressed network.</param>
    /// <param name="compressed">All blocks compressed so far.</param>
    /// <param name="stream">Names the finetune's random stream.</param>
    /// <param name="step">How long, and under which name.</param>
    internal FinetuneRecord Train(Finetuner finetuner, StepContext context, VitModel student, int[] compressed, string stream, FinetuneStep step) =>
        step.Run(this, context, hooks => finetuner.Run(student, compressed, step.Steps, stream, hooks, context.Cancellation));

    private static FewShotRequest WithStorage(FewShotRequest request, DcVitProfile profile) => profile.LossyMetricSet
        ? request with { MetricSet = request.MetricSet with { LossyStorage = true } } : request;
}
