using System.Collections.Immutable;
using Espalier.Models.Data;

namespace Espalier.Models.Vit;

/// <summary>A known architecture and the preprocessing its published weights were trained with.</summary>
public sealed record VitEntry(VitArchitecture Architecture, Preprocessing Preprocessing);

/// <summary>The Vision Transformers known by name: timm's plain ViT and DeiT classifiers, and the two small ones of this product.</summary>
public static class VitRegistry
{
    private static readonly ImmutableArray<double> Half = [0.5, 0.5, 0.5];
    private static readonly ImmutableArray<double> ImageNetMean = [0.485, 0.456, 0.406];
    private static readonly ImmutableArray<double> ImageNetStd = [0.229, 0.224, 0.225];

    /// <summary>Tags of timm weights that share the plain name's classes (1000) and preprocessing.</summary>
    private static readonly ImmutableHashSet<string> Tags =
        ["augreg_in1k", "augreg_in21k_ft_in1k", "augreg2_in21k_ft_in1k", "orig_in21k_ft_in1k", "sam_in1k", "fb_in1k"];

    private static readonly ImmutableSortedDictionary<string, VitEntry> Entries = new[]
    {
        Vit("tiny", 16, 224), Vit("small", 16, 224), Vit("base", 16, 224), Vit("large", 16, 224),
        Vit("small", 32, 224), Vit("base", 32, 224), Vit("base", 8, 224),
        Vit("tiny", 16, 384), Vit("small", 16, 384), Vit("base", 16, 384), Vit("large", 16, 384),
        Vit("small", 32, 384), Vit("base", 32, 384), Vit("large", 32, 384),
        Deit("tiny", 224), Deit("small", 224), Deit("base", 224), Deit("base", 384),
        FashionVit(), TinyTestVit(),
    }.ToImmutableSortedDictionary(e => e.Architecture.Name, e => e, StringComparer.Ordinal);

    /// <summary>Every known name, in ordinal order.</summary>
    public static IEnumerable<string> Names => Entries.Keys;

    /// <summary>The entry of a timm name, with or without the tag of its weights (<c>vit_tiny_patch16_224.augreg_in21k_ft_in1k</c>).</summary>
    /// <returns>null when the name, or the tag, is not known.</returns>
    public static VitEntry? Find(string name)
    {
        var parts = name.Split('.', 2);
        return parts.Length == 2 && !Tags.Contains(parts[1]) ? null : Entries.GetValueOrDefault(parts[0]);
    }

    /// <summary>timm ViT (AugReg): mean and std 0.5, bicubic; crop 0.9 at 224 pixels, 1.0 at 384.</summary>
    private static VitEntry Vit(string size, int patch, int image) =>
        new(Plain($"vit_{size}_patch{patch}_{image}", size, patch, image), Crop(image, Half, Half));

    /// <summary>timm DeiT (not distilled): as ViT, with ImageNet's mean and std.</summary>
    private static VitEntry Deit(string size, int image) =>
        new(Plain($"deit_{size}_patch16_{image}", size, 16, image), Crop(image, ImageNetMean, ImageNetStd));

    /// <summary>The bundled model: 28×28 grey images of Fashion-MNIST, patch 4, 8 blocks of width 128 with 4 heads.</summary>
    private static VitEntry FashionVit() => new(
        VitArchitecture.Uniform("fashion-vit", imageSize: 28, patchSize: 4, channels: 1, embedDim: 128, depth: 8, heads: 4, classes: 10),
        new Preprocessing { Size = 28, CropFraction = 1.0, Mean = [0.2860], Std = [0.3530] });

    /// <summary>A net small enough for tests: 32×32, patch 8, 6 blocks of width 64 with 4 heads, 10 classes.</summary>
    private static VitEntry TinyTestVit() => new(
        VitArchitecture.Uniform("tiny-test-vit", imageSize: 32, patchSize: 8, channels: 3, embedDim: 64, depth: 6, heads: 4, classes: 10),
        new Preprocessing { Size = 32, CropFraction = 1.0, Mean = Half, Std = Half });

    private static VitArchitecture Plain(string name, string size, int patch, int image)
    {
        var (width, depth, heads) = size switch
        {
            "tiny" => (192, 12, 3),
            "small" => (384, 12, 6),
            "base" => (768, 12, 12),
            _ => (1024, 24, 16),
        };
        return VitArchitecture.Uniform(name, image, patch, channels: 3, width, depth, heads, classes: 1000);
    }

    private static Preprocessing Crop(int image, ImmutableArray<double> mean, ImmutableArray<double> std) =>
        new() { Size = image, CropFraction = image == 224 ? 0.9 : 1.0, Mean = mean, Std = std };
}
