using Espalier.Baselines;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.OwnMethod;

namespace Espalier;

/// <summary>A few-shot method by name, and how to make it.</summary>
/// <param name="Name">For reports and provenance.</param>
/// <param name="Create">Binds it to a request; planning happens here, so that an impossible target fails at once.</param>
public sealed record CompressionMethod(string Name, Func<FewShotRequest, TimeProvider, IFewShotMethod> Create)
{
    /// <summary>Compare students with the model on the training images where there are any; otherwise on synthetic ones.</summary>
    public bool JudgesByImages { get; init; }

    /// <summary>espalier: widths of every block by closed-form repair, then a finetune.</summary>
    public static CompressionMethod Espalier(EspalierOptions? options = null) =>
        new("espalier", (request, time) => new EspalierMethod(request, options ?? new(), time)) { JudgesByImages = true };

    /// <summary>DC-ViT: attentions removed, MLPs cut, block by block.</summary>
    public static CompressionMethod DcVit(DcVitOptions? options = null) =>
        new("dc-vit", (request, time) => new DcVitMethod(request, options ?? new(), time));

    /// <summary>A baseline: the same share of every width of every block, by the size of the weights or by chance.</summary>
    public static CompressionMethod EvenWidths(UnitRule rule = UnitRule.Magnitude, DcVitOptions? options = null) =>
        new(rule == UnitRule.Random ? "random" : "magnitude", (request, time) => new EvenWidthsMethod(request, rule, options ?? new(), time)) { JudgesByImages = true };
}
