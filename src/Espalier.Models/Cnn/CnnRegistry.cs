using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using Espalier.Models.Data;

namespace Espalier.Models.Cnn;

/// <summary>The convolutional networks known by name: ResNets, MobileNetV2 of any width, and the small ones of this product.</summary>
public static partial class CnnRegistry
{
    // Blocks in each stage, and whether they are bottlenecks.
    private static readonly ImmutableSortedDictionary<string, (int[] Blocks, bool Bottleneck)> s_resNets = new Dictionary<string, (int[], bool)>
    {
        ["resnet18"] = ([2, 2, 2, 2], false), ["resnet34"] = ([3, 4, 6, 3], false), ["resnet50"] = ([3, 4, 6, 3], true),
        ["resnet101"] = ([3, 4, 23, 3], true), ["resnet152"] = ([3, 8, 36, 3], true),
    }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    // Expansion, channels, blocks, stride of each stage.
    private static readonly (int Expansion, int Width, int Blocks, int Stride)[] s_mobileNetV2 =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

    // torchvision's second, now default weights: shortest side to 232, where its first ones take 256.
    private static readonly ImmutableHashSet<string> s_secondWeights =
        ["resnet50-11ad3fa6", "resnet101-cd907fc2", "resnet152-f82ba261", "mobilenet_v2-7ebf99e0"];

    /// <summary>Names to show; MobileNetV2 of other widths are known, too.</summary>
    public static IEnumerable<string> Names =>
        [.. s_resNets.Keys, "mobilenetv2_035", "mobilenetv2_050", "mobilenetv2_075", "mobilenetv2_100", "mobilenetv2_140", "fashion-mobilenet", "fashion-resnet"];

    /// <summary>The entry of a timm or torchvision name, with or without the tag of its weights (<c>resnet50.a1_in1k</c>).</summary>
    /// <returns>null when the name is not known.</returns>
    public static ModelEntry? Find(string name)
    {
        var parts = name.Split('.', 2);
        if (Network(parts[0]) is not { } net) return null;
        var entry = new ModelEntry(net, net.Channels == 1 ? Small() : ImageNet(net.ImageSize));
        if (parts.Length == 1) return entry;
        return parts[1] switch
        {
            "tv_in1k" or "gluon_in1k" or "untrained" => entry,
            "tv2_in1k" => entry with { Preprocessing = entry.Preprocessing with { CropFraction = 0.965 } },
            "a1_in1k" or "a2_in1k" or "a3_in1k" => entry with { Preprocessing = entry.Preprocessing with { Interpolation = Interpolation.Bicubic, CropFraction = 0.95 } },
            "ra_in1k" => entry with { Preprocessing = entry.Preprocessing with { Interpolation = Interpolation.Bicubic } },
            _ => null,
        };
    }

    /// <summary>The entry of a weights file as published (<c>resnet50-0676ba61</c>, <c>mobilenet_v2-b0353104</c>).</summary>
    /// <returns>null when it is not known.</returns>
    public static ModelEntry? FindFile(string stem) => Find(HashEnding().Replace(stem, "")) is not { } entry ? null
        : s_secondWeights.Contains(stem) ? entry with { Preprocessing = entry.Preprocessing with { CropFraction = 224.0 / 232 } } : entry;

    /// <summary>Every network whose shapes a file may have.</summary>
    internal static IEnumerable<CnnArchitecture> Candidates =>
        [.. s_resNets.Keys.Select(n => Network(n)!), .. Enumerable.Range(1, 60).Select(k => MobileNetV2(k * 5))];

    /// <summary>torchvision's preprocessing of ImageNet models.</summary>
    internal static Preprocessing ImageNet(int size) => new() { Size = size, CropFraction = 0.875, Interpolation = Interpolation.Bilinear, Mean = Preprocessing.ImageNetMean, Std = Preprocessing.ImageNetStd };

    private static CnnArchitecture? Network(string name)
    {
        if (s_resNets.TryGetValue(name, out var resNet)) return ResNet(name, 224, 3, 1000, new CnnStem(64, 7, 2, Pool: true), [64, 128, 256, 512], resNet.Blocks, resNet.Bottleneck);
        if (name == "fashion-resnet") return ResNet(name, 28, 1, 10, new CnnStem(16, 3, 2, Pool: false), [16, 32, 64], [3, 3, 3], bottleneck: false);
        if (name == "fashion-mobilenet")
            return MobileNet(name, 28, 1, 10, new CnnStem(16, 3, 2, Pool: false), [(1, 16, 1, 1), (4, 24, 3, 2), (4, 40, 3, 1), (4, 64, 3, 2)], 256, width: 1);
        if (name == "mobilenet_v2") return MobileNetV2(100);
        return MobileNetName().Match(name) is { Success: true } match ? MobileNetV2(int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture)) : null;
    }

    private static CnnArchitecture MobileNetV2(int percent) =>
        MobileNet($"mobilenetv2_{percent:D3}", 224, 3, 1000, new CnnStem(Rounded(32, percent / 100.0), 3, 2, Pool: false), s_mobileNetV2,
            Rounded(1280, Math.Max(1, percent / 100.0)), percent / 100.0);

    private static CnnArchitecture ResNet(string name, int image, int channels, int classes, CnnStem stem, int[] widths, int[] blocks, bool bottleneck)
    {
        var (all, inputs, expansion) = (ImmutableArray.CreateBuilder<CnnBlock>(), stem.Width, bottleneck ? 4 : 1);
        for (var stage = 0; stage < blocks.Length; stage++)
            for (var i = 0; i < blocks[stage]; i++)
            {
                var (outputs, stride) = (widths[stage] * expansion, stage > 0 && i == 0 ? 2 : 1);
                all.Add(new CnnBlock
                {
                    Kind = bottleneck ? CnnBlockKind.Bottleneck : CnnBlockKind.Basic,
                    Stage = stage, Inputs = inputs, Hidden = widths[stage], Outputs = outputs, Stride = stride, Shortcut = stride > 1 || inputs != outputs,
                });
                inputs = outputs;
            }
        return new() { Name = name, ImageSize = image, Channels = channels, Classes = classes, Style = CnnStyle.ResNet, Stem = stem, Blocks = all.ToImmutable() };
    }

    private static CnnArchitecture MobileNet(string name, int image, int channels, int classes, CnnStem stem,
        (int Expansion, int Width, int Blocks, int Stride)[] stages, int head, double width)
    {
        var (all, inputs) = (ImmutableArray.CreateBuilder<CnnBlock>(), stem.Width);
        for (var stage = 0; stage < stages.Length; stage++)
            for (var i = 0; i < stages[stage].Blocks; i++)
            {
                var outputs = Rounded(stages[stage].Width, width);
                all.Add(new CnnBlock
                {
                    Kind = CnnBlockKind.InvertedResidual,
                    Stage = stage, Inputs = inputs, Hidden = inputs * stages[stage].Expansion, Outputs = outputs,
                    Stride = i == 0 ? stages[stage].Stride : 1, Expands = stages[stage].Expansion > 1,
                });
                inputs = outputs;
            }
        return new()
        {
            Name = name, ImageSize = image, Channels = channels, Classes = classes, Style = CnnStyle.MobileNetV2, Stem = stem, Blocks = all.ToImmutable(), HeadWidth = head,
        };
    }

    // To the nearest multiple of 8, but never more than a tenth below.
    private static int Rounded(int channels, double width)
    {
        const int Multiple = 8;
        var exact = channels * width;
        var rounded = Math.Max(Multiple, (int)(exact + Multiple / 2.0) / Multiple * Multiple);
        return rounded < 0.9 * exact ? rounded + Multiple : rounded;
    }

    private static Preprocessing Small() => new() { Size = 28, CropFraction = 1.0, Mean = [0.2860], Std = [0.3530] };

    [GeneratedRegex(@"^mobilenetv2_(0[1-9][0-9]|00[5-9]|[12][0-9]{2}|300)$")]
    private static partial Regex MobileNetName();

    [GeneratedRegex("(_ra)?-[0-9a-f]{8}$")]
    private static partial Regex HashEnding();
}
