using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models.Data;

namespace Espalier.Models.Formats;

/// <summary>Preprocessing as timm writes it: the <c>pretrained_cfg</c> of <c>config.json</c>.</summary>
internal static class PretrainedCfg
{
    private const int MostChannels = 64;
    private const int LargestSide = 1 << 14;
    // Pixels are 0 to 1: what lies far outside, or is divided by next to nothing, is no preprocessing.
    private const double Least = 1e-6, Most = 1e6;

    /// <summary>Reads timm's <c>pretrained_cfg</c>; null when it has no <c>input_size</c>.</summary>
    /// <exception cref="InputException">A value is out of range, or asks for what is not supported.</exception>
    public static Preprocessing? Read(JsonElement cfg, string path)
    {
        if (cfg.GetNumbers("input_size", path) is not { } input) return null;
        if (input.Length != 3 || input[1] != input[2] || input.Any(n => n != Math.Floor(n)))
            throw new InputException($"{path}: input_size must be [channels, side, side]: square images only.");
        if (input[0] is not (>= 1 and <= MostChannels)) throw new InputException($"{path}: cannot use {input[0]} channels (1 to {MostChannels}).");
        var mode = cfg.GetText("crop_mode", path) ?? "center";
        if (mode is not ("center" or "squash"))
            throw new InputException($"{path}: crop_mode {mode} is not supported; use center or squash.");
        var channels = (int)input[0];
        return Check(new Preprocessing
        {
            Size = (int)input[1],
            CropFraction = cfg.GetNumber("crop_pct", path) ?? 0.9,
            Squash = mode == "squash",
            Interpolation = cfg.GetText("interpolation", path) switch
            {
                null or "bicubic" => Interpolation.Bicubic,
                "bilinear" => Interpolation.Bilinear,
                var other => throw new InputException($"{path}: interpolation {other} is not supported; use bicubic or "
                    + "bilinear."),
            },
            Mean = cfg.GetNumbers("mean", path) ?? Repeat(0.5, channels),
            Std = cfg.GetNumbers("std", path) ?? Repeat(0.5, channels),
        }, channels, path);
    }

    /// <summary>Writes timm's keys into the open object.</summary>
    public static void Write(Utf8JsonWriter json, Preprocessing preprocessing)
    {
        json.WriteStartArray("input_size");
        json.WriteNumberValue(preprocessing.Mean.Length);
        json.WriteNumberValue(preprocessing.Size);
        json.WriteNumberValue(preprocessing.Size);
        json.WriteEndArray();
        json.WriteString("interpolation", preprocessing.Interpolation == Interpolation.Bicubic ? "bicubic" : "bilinear");
        json.WriteNumber("crop_pct", preprocessing.CropFraction);
        json.WriteString("crop_mode", preprocessing.Squash ? "squash" : "center");
        json.WriteNumbers("mean", preprocessing.Mean);
        json.WriteNumbers("std", preprocessing.Std);
    }

    /// <summary>Returns what was read, if a network can take it.</summary>
    /// <exception cref="InputException">A value is out of range, or the channels disagree.</exception>
    public static Preprocessing Check(Preprocessing preprocessing, int channels, string path)
    {
        var fault = preprocessing.Size is < 1 or > LargestSide ? $"the input size {preprocessing.Size}"
            : preprocessing.CropFraction is not (> 0 and <= 1) ? $"the crop fraction {preprocessing.CropFraction} (must "
                + "lie in (0, 1])"
            : preprocessing.Size / preprocessing.CropFraction > 2 * LargestSide ? $"the crop fraction {preprocessing.CropFraction}: images would be resized to "
                + $"{preprocessing.Size / preprocessing.CropFraction:0} pixels"
            : preprocessing.Mean.Length != channels || preprocessing.Std.Length != channels ? $"mean and std, which need "
                + $"{channels} entries each"
            : preprocessing.Std.Any(s => s is not (>= Least and <= Most)) ? $"a std that does not lie between {Least} and {Most}"
            : preprocessing.Mean.Any(m => m is not (>= -Most and <= Most)) ? "a mean that far outside of pixels' range"
            : null;
        return fault is null ? preprocessing : throw new InputException($"{path}: cannot use {fault}.");
    }

    public static ImmutableArray<double> Repeat(double value, int count) => [.. Enumerable.Repeat(value, count)];
}
