using System.Collections.Immutable;
using Espalier.Models.Data;

namespace Espalier.Models.Vit;

/// <summary>The table behind <see cref="VitRegistry"/>: what timm's names, tags and the published files stand for.</summary>
internal static class VitFamilies
{
    private static readonly ImmutableArray<double> Half = [0.5, 0.5, 0.5];
    private static readonly ImmutableArray<double> ClipMean = [0.48145466, 0.4578275, 0.40821073];
    private static readonly ImmutableArray<double> ClipStd = [0.26862954, 0.26130258, 0.27577711];

    private static readonly ImmutableDictionary<string, (int Width, int Depth, int Heads)> Sizes = new Dictionary<string, (int, int, int)>
    {
        ["tiny"] = (192, 12, 3), ["small"] = (384, 12, 6), ["medium"] = (512, 12, 8), ["betwixt"] = (640, 12, 10), ["base"] = (768, 12, 12),
        ["large"] = (1024, 24, 16), ["huge"] = (1280, 32, 16), ["giant"] = (1536, 40, 24),
    }.ToImmutableDictionary();

    /// <summary>Every entry, in the order of the papers.</summary>
    public static IEnumerable<VitEntry> All =>
    [
        // ViT (AugReg, MAE, DINO)
        Vit("tiny", 16, 224), Vit("small", 16, 224), Vit("base", 16, 224), Vit("large", 16, 224), Vit("huge", 14, 224),
        Vit("small", 32, 224), Vit("base", 32, 224), Vit("large", 32, 224), Vit("small", 8, 224), Vit("base", 8, 224),
        Vit("tiny", 16, 384), Vit("small", 16, 384), Vit("base", 16, 384), Vit("large", 16, 384),
        Vit("small", 32, 384), Vit("base", 32, 384), Vit("large", 32, 384),
        // ViT without class token
        .. Gaps, .. RegisterGaps,
        // CLIP's image towers, finetuned
        Clip("base", 32, 224), Clip("base", 16, 224), Clip("base", 16, 384), Clip("large", 14, 224), Clip("large", 14, 336),
        // DeiT, distilled DeiT, DeiT III
        Deit("tiny", 224), Deit("small", 224), Deit("base", 224), Deit("base", 384),
        Distilled("tiny", 224), Distilled("small", 224), Distilled("base", 224), Distilled("base", 384),
        .. new[] { "small", "base", "large" }.SelectMany(size => new[] { Deit3(size, 16, 224), Deit3(size, 16, 384) }),
        Deit3("medium", 16, 224), Deit3("huge", 14, 224),
        // DINOv2
        .. new[] { "small", "base", "large", "giant" }.SelectMany(size => new[] { DinoV2(size, 0), DinoV2(size, 4) }),
        .. Swins,
        FashionVit(), TinyTestVit(),
    ];

    /// <summary>Tags of timm's weights, and what is other with them than with the plain name (1000 classes, its preprocessing).</summary>
    public static ImmutableDictionary<string, Func<VitEntry, VitEntry>> Tags { get; } = new Dictionary<string, Func<VitEntry, VitEntry>>
    {
        ["augreg_in1k"] = e => e, ["augreg_in21k_ft_in1k"] = e => e, ["augreg2_in21k_ft_in1k"] = e => e, ["orig_in21k_ft_in1k"] = e => e,
        ["sam_in1k"] = e => e, ["fb_in1k"] = e => e, ["lvd142m"] = e => e, ["sw_in12k_ft_in1k"] = e => e, ["openai_ft_in1k"] = e => e,
        ["untrained"] = e => e, ["ms_in1k"] = e => e, ["ms_in22k_ft_in1k"] = e => e,
        ["ms_in22k"] = e => e with { Architecture = e.Architecture with { Classes = 21841 } },
        ["fb_in22k_ft_in1k"] = e => e with { Preprocessing = e.Preprocessing with { CropFraction = 1 } },
        ["mae"] = SelfSupervised, ["dino"] = SelfSupervised,
    }.ToImmutableDictionary();

    /// <summary>Stems of published files that are not named as timm names them.</summary>
    public static ImmutableDictionary<string, Func<VitEntry?>> FileNames { get; } = Published().ToImmutableDictionary(f => f.Stem, f => f.Entry);

    private static IEnumerable<VitEntry> Gaps => new[] { 240, 256, 384 }.Select(image => Changed(
        new(Plain($"vit_medium_patch16_gap_{image}", "medium", 16, image), Crop(image, Half, Half) with { CropFraction = 0.95, Squash = image == 384 }),
        net => net with { ClassToken = false, Pool = Pooling.Average }, block => block with { QkvBias = false, LayerScale = true }))
        .Append(Changed(
            new(VitArchitecture.Uniform("vit_base_patch16_gap_224", 224, 16, 3, 768, 12, heads: 16, classes: 1000), Crop(224, Half, Half)),
            net => net with { ClassToken = false, Pool = Pooling.Average }, block => block));

    private static IEnumerable<VitEntry> RegisterGaps => new[] { ("medium", true), ("betwixt", true), ("base", false) }.Select(of => Changed(
        new(Plain($"vit_{of.Item1}_patch16_reg4_gap_256", of.Item1, 16, 256), Crop(256, Half, Half) with { CropFraction = 0.95 }),
        net => net with { ClassToken = false, RegTokens = 4, EmbedPrefix = false, Pool = Pooling.Average, FcNorm = true },
        block => block with { LayerScale = of.Item2 }));

    /// <summary>timm ViT (AugReg): mean and std 0.5, bicubic; crop 0.9 at 224 pixels, 1.0 at 384.</summary>
    private static VitEntry Vit(string size, int patch, int image) =>
        new(Plain($"vit_{size}_patch{patch}_{image}", size, patch, image), Crop(image, Half, Half));

    private static VitEntry Clip(string size, int patch, int image) => Changed(
        new(Plain($"vit_{size}_patch{patch}_clip_{image}", size, patch, image),
            Crop(image, ClipMean, ClipStd) with { CropFraction = size == "large" || image > 224 ? 1 : 0.9, Squash = image > 224 }),
        net => net with { PreNorm = true, PatchBias = false, LayerNormEps = 1e-5 }, block => block);

    /// <summary>timm DeiT (not distilled): as ViT, with ImageNet's mean and std.</summary>
    private static VitEntry Deit(string size, int image) =>
        new(Plain($"deit_{size}_patch16_{image}", size, 16, image), Crop(image, Preprocessing.ImageNetMean, Preprocessing.ImageNetStd));

    private static VitEntry Distilled(string size, int image) => Changed(
        new(Plain($"deit_{size}_distilled_patch16_{image}", size, 16, image), Crop(image, Preprocessing.ImageNetMean, Preprocessing.ImageNetStd)),
        net => net with { DistToken = true, DistHead = true }, block => block);

    private static VitEntry Deit3(string size, int patch, int image) => Changed(
        new(Plain($"deit3_{size}_patch{patch}_{image}", size, patch, image), Crop(image, Preprocessing.ImageNetMean, Preprocessing.ImageNetStd)),
        net => net with { EmbedPrefix = false }, block => block with { LayerScale = true });

    private static VitEntry DinoV2(string size, int registers) => Changed(
        new(Plain(registers == 0 ? $"vit_{size}_patch14_dinov2" : $"vit_{size}_patch14_reg{registers}_dinov2", size, 14, 518),
            Crop(518, Preprocessing.ImageNetMean, Preprocessing.ImageNetStd)),
        net => net with { Classes = 0, RegTokens = registers, EmbedPrefix = registers == 0 }, block => size == "giant" ? block with { LayerScale = true, GatedMlp = true, MlpHidden = 4096 } : block with { LayerScale = true });

    private static IEnumerable<VitEntry> Swins =>
    [
        Swin("tiny", 96, [2, 2, 6, 2], 7), Swin("small", 96, [2, 2, 18, 2], 7), Swin("base", 128, [2, 2, 18, 2], 7), Swin("large", 192, [2, 2, 18, 2], 7),
        Swin("base", 128, [2, 2, 18, 2], 12), Swin("large", 192, [2, 2, 18, 2], 12),
        // 28×28 grey images: stages of 14×14 and 7×7 tokens.
        FashionMnist(VitArchitecture.Swin("swin_micro_patch2_window7_28", imageSize: 28, patchSize: 2, channels: 1, embedDim: 64, depths: [2, 4], headDim: 32, window: 7, classes: 10)),
    ];

    /// <summary>timm's Swin: ImageNet's mean and std, crop 0.9 at 224 pixels, 1.0 at 384.</summary>
    private static VitEntry Swin(string size, int width, ImmutableArray<int> depths, int window)
    {
        var image = 32 * window;
        return new(VitArchitecture.Swin($"swin_{size}_patch4_window{window}_{image}", image, 4, 3, width, depths, headDim: 32, window, classes: 1000),
            Crop(image, Preprocessing.ImageNetMean, Preprocessing.ImageNetStd));
    }

    /// <summary>The bundled model: 28×28 grey images of Fashion-MNIST, patch 4, 8 blocks of width 128 with 4 heads.</summary>
    private static VitEntry FashionVit() =>
        FashionMnist(VitArchitecture.Uniform("fashion-vit", imageSize: 28, patchSize: 4, channels: 1, embedDim: 128, depth: 8, heads: 4, classes: 10));

    private static VitEntry FashionMnist(VitArchitecture net) => new(net, new Preprocessing { Size = 28, CropFraction = 1.0, Mean = [0.2860], Std = [0.3530] });

    /// <summary>A net small enough for tests: 32×32, patch 8, 6 blocks of width 64 with 4 heads, 10 classes.</summary>
    private static VitEntry TinyTestVit() => new(
        VitArchitecture.Uniform("tiny-test-vit", imageSize: 32, patchSize: 8, channels: 3, embedDim: 64, depth: 6, heads: 4, classes: 10),
        new Preprocessing { Size = 32, CropFraction = 1.0, Mean = Half, Std = Half });

    private static VitEntry SelfSupervised(VitEntry entry) =>
        new(entry.Architecture with { Classes = 0 }, entry.Preprocessing with { Mean = Preprocessing.ImageNetMean, Std = Preprocessing.ImageNetStd });

    /// <summary>torchvision's weights: shortest side to that many pixels bilinearly, crop 224.</summary>
    private static VitEntry? TorchVision(string timmName, int resize) => VitRegistry.Find(timmName) is { } entry
        ? entry with { Preprocessing = TorchVisionPreprocessing(entry.Architecture.ImageSize) with { CropFraction = (double)entry.Architecture.ImageSize / resize } } : null;

    public static Preprocessing TorchVisionPreprocessing(int size) =>
        new() { Size = size, CropFraction = 0.875, Interpolation = Interpolation.Bilinear, Mean = Preprocessing.ImageNetMean, Std = Preprocessing.ImageNetStd };

    private static IEnumerable<(string Stem, Func<VitEntry?> Entry)> Published()
    {
        foreach (var (size, patch) in new[] { ("base", 16), ("large", 16), ("huge", 14) })
            yield return ($"mae_pretrain_vit_{size}", () => VitRegistry.Find($"vit_{size}_patch{patch}_224.mae"));
        foreach (var (stem, name) in new[] { ("deitsmall", "small"), ("vitbase", "base") })
            foreach (var patch in new[] { 16, 8 })
                yield return ($"dino_{stem}{patch}_pretrain", () => VitRegistry.Find($"vit_{name}_patch{patch}_224.dino"));
        foreach (var size in new[] { "small", "base", "large", "giant" })
        {
            yield return ($"dinov2_vit{size[0]}14_pretrain", () => VitRegistry.Find($"vit_{size}_patch14_dinov2"));
            yield return ($"dinov2_vit{size[0]}14_reg4_pretrain", () => VitRegistry.Find($"vit_{size}_patch14_reg4_dinov2"));
        }
        foreach (var (size, patch, image) in All.Where(e => e.Architecture.Name.StartsWith("deit3", StringComparison.Ordinal))
            .Select(e => (e.Architecture.Name.Split('_')[1], e.Architecture.PatchSize, e.Architecture.ImageSize)))
        {
            yield return ($"deit_3_{size}_{image}_1k", () => VitRegistry.Find($"deit3_{size}_patch{patch}_{image}"));
            yield return ($"deit_3_{size}_{image}_21k", () => VitRegistry.Find($"deit3_{size}_patch{patch}_{image}.fb_in22k_ft_in1k"));
        }
        // torchvision's Swin: shortest side to 232, 246 or 238 bicubically, crop 224.
        foreach (var (size, resize) in new[] { ("tiny", 232), ("small", 246), ("base", 238) })
            yield return ($"swin_{size[0]}", () => VitRegistry.Find($"swin_{size}_patch4_window7_224") is { } entry
                ? entry with { Preprocessing = entry.Preprocessing with { CropFraction = 224.0 / resize } } : null);
        foreach (var size in new[] { "base", "large" })
            foreach (var patch in new[] { 16, 32 })
                yield return ($"vit_{size[0]}_{patch}", () => TorchVision($"vit_{size}_patch{patch}_224", resize: (size, patch) == ("large", 16) ? 242 : 256));
    }

    private static VitEntry Changed(VitEntry entry, Func<VitArchitecture, VitArchitecture> net, Func<VitBlock, VitBlock> block) =>
        entry with { Architecture = net(entry.Architecture).WithBlocks(block) };

    private static VitArchitecture Plain(string name, string size, int patch, int image)
    {
        var (width, depth, heads) = Sizes[size];
        return VitArchitecture.Uniform(name, image, patch, channels: 3, width, depth, heads, classes: 1000);
    }

    private static Preprocessing Crop(int image, ImmutableArray<double> mean, ImmutableArray<double> std) =>
        new() { Size = image, CropFraction = image == 224 ? 0.9 : 1.0, Mean = mean, Std = std };
}
