using System.Collections.Immutable;
using Espalier.Baselines;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.OwnMethod;

namespace Espalier;

/// <summary>A few-shot method by name, and how to make it: the one place that knows what each name stands for, to programs and to the command line.</summary>
/// <param name="Name">For reports and provenance; ours are <see cref="MethodNames"/>.</param>
/// <param name="Create">Binds it to a request; planning happens here, so that an impossible target fails at once.</param>
public sealed record CompressionMethod(string Name, Func<FewShotRequest, TimeProvider, IFewShotMethod> Create)
{
    /// <summary>espalier: widths of every block by closed-form repair, then a finetune.</summary>
    public static CompressionMethod Espalier(EspalierOptions? options = null) =>
        new(MethodNames.Espalier, (request, time) => new EspalierMethod(request, options ?? new(), time));

    /// <summary>
    /// DC-ViT: attentions removed, MLPs cut, block by block. Of a convolutional network whole blocks go, or with
    /// <see cref="BlockVariant.Compress"/> part of their inner channels.
    /// </summary>
    public static CompressionMethod DcVit(DcVitOptions? options = null) => Blocks(MethodNames.DcVit, _ => options ?? new());

    /// <summary>A baseline: DC-ViT that drops whole blocks.</summary>
    public static CompressionMethod DropBlocks(DcVitOptions? options = null) =>
        Blocks(MethodNames.DropBlocks, _ => (options ?? new()) with { Variant = BlockVariant.Drop });

    /// <summary>A rival: PRACTISE, whole blocks by how well adaptors recover them, all together. Adaptors learn by the measure of the request's metric set.</summary>
    public static CompressionMethod Practise(DcVitOptions? options = null) =>
        Blocks(MethodNames.Practise, request => Baselines.Practise.Options(options ?? new(), request.MetricSet.Kind));

    /// <summary>A baseline: the same share of every width of every block, by the size of the weights or by chance.</summary>
    /// <param name="rule">Which units stay.</param>
    /// <param name="options">How to finetune.</param>
    /// <param name="keep">Blocks that stay whole.</param>
    public static CompressionMethod EvenWidths(UnitRule rule = UnitRule.Magnitude, FinetuneOptions? options = null, params ImmutableArray<int> keep) =>
        new(rule == UnitRule.Random ? MethodNames.Random : MethodNames.Magnitude,
            (request, time) => new EvenWidthsMethod(request, rule, options ?? new(), keep, time));

    /// <summary>A rival, for convolutional networks: even widths by magnitude, then a 1×1 convolution a block by least squares, then a finetune.</summary>
    /// <param name="options">How to finetune.</param>
    /// <param name="keep">Blocks that stay whole.</param>
    public static CompressionMethod Fskd(FinetuneOptions? options = null, params ImmutableArray<int> keep) => Aligned(MethodNames.Fskd, AlignmentRule.Fskd, options, keep);

    /// <summary>A rival, for convolutional networks: even widths by magnitude, then cross distillation layer by layer, then a finetune.</summary>
    /// <param name="options">How to finetune.</param>
    /// <param name="keep">Blocks that stay whole.</param>
    public static CompressionMethod CrossDistillation(FinetuneOptions? options = null, params ImmutableArray<int> keep) =>
        Aligned(MethodNames.CrossDistillation, AlignmentRule.CrossDistillation, options, keep);

    private static CompressionMethod Aligned(string name, AlignmentRule rule, FinetuneOptions? options, ImmutableArray<int> keep) =>
        new(name, (request, time) => new EvenWidthsMethod(request, UnitRule.Magnitude, options ?? new(), keep, time, rule));

    private static CompressionMethod Blocks(string name, Func<FewShotRequest, DcVitOptions> options) =>
        new(name, (request, time) => new DcVitMethod(request, options(request), time));
}
