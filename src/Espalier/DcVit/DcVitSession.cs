using System.Collections.Immutable;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>What the steps of DC-ViT share besides: switches, plan, edit, training.</summary>
internal sealed class DcVitSession(FewShotRequest request, DcVitOptions options, Structure structure, RunFolder folder,
    ImmutableArray<TimePhase> phases, TimeProvider time) : FewShotSession(WithStorage(request, options.Profile), folder, phases, time)
{
    internal DcVitOptions Options => options;

    internal Structure Structure => structure;

    /// <summary>The cut and the finetune of each step, and the same blocks cut with nothing finetuned.</summary>
    internal override int Measurements => 2 * (options.Once ? 1 : structure.Count) + 1;

    /// <summary>The edit of a block.</summary>
    /// <param name="block">Index of the block.</param>
    /// <param name="order">All blocks that are compressed, once they are known.</param>
    internal BlockCompression Compression(int block, IReadOnlyCollection<int>? order) => new(options.VariantFor(request.Model.Architecture), options.MlpInit,
        (order is null ? structure : StructureFor(order)).HiddenIn(block), options.Profile.CompressedNormEps, request.Seed);

    /// <summary>The plan for these blocks. Where blocks are ranked anew after each cut, the first are cut before the others are known, so that all keep what the plan says of any.</summary>
    internal Structure StructureFor(IReadOnlyCollection<int> blocks) => options.Profile.Rerank ? structure : structure.For(blocks);

    /// <summary>Trains what was cut.</summary>
    internal Finetuner Finetuner => new(Teacher, Samples.Train, options.Finetune, Compute, Request.Seed, Time);

    /// <summary>Trains a candidate before it is scored.</summary>
    internal Finetuner Recoverer => new(Teacher, Samples.Train, options.Finetune, Compute, Request.Seed, Time) { Recovery = options.CandidateRecovery };

    /// <summary>Trains the student in place, as part of a step.</summary>
    /// <param name="finetuner"><see cref="Finetuner"/> or <see cref="Recoverer"/>.</param>
    /// <param name="context">The step.</param>
    /// <param name="student">The compressed network.</param>
    /// <param name="compressed">All blocks compressed so far.</param>
    /// <param name="stream">Names the finetune's random stream.</param>
    /// <param name="step">How long, and under which name.</param>
    internal FinetuneRecord Train(Finetuner finetuner, StepContext context, Model student, int[] compressed, string stream, FinetuneStep step) =>
        step.Run(this, context, hooks => finetuner.Run(student, compressed, step.Steps, stream, hooks, context.Cancellation));

    private static FewShotRequest WithStorage(FewShotRequest request, DcVitProfile profile) => profile.LossyMetricSet
        ? request with { MetricSet = request.MetricSet with { LossyStorage = true } } : request;
}
