using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models.Data;

namespace Espalier.Models.Formats;

/// <summary>Preprocessing as two ecosystems write it: timm's <c>pretrained_cfg</c> and Hugging Face's <c>preprocessor_config.json</c>.</summary>
internal static class PreprocessingJson
{
    /// <summary>Reads timm's <c>pretrained_cfg</c>; null when it has no <c>input_size</c>.</summary>
    /// <exception cref="InputException">A value is out of range, or asks for what is not supported.</exception>
    public static Preprocessing? ReadTimm(JsonElement cfg, string path)
    {
        if (cfg.GetNumbers("input_size", path) is not { } input) return null;
        if (input.Length != 3 || input[1] != input[2])
            throw new InputException($"{path}: input_size must be [channels, side, side]: square images only.");
        if (cfg.GetText("crop_mode", path) is { } mode and not "center")
            throw new InputException($"{path}: crop_mode {mode} is not supported; only center is.");
        var channels = (int)input[0];
        return Check(new Preprocessing
        {
            Size = (int)input[1],
            CropFraction = cfg.GetNumber("crop_pct", path) ?? 0.9,
            Interpolation = cfg.GetText("interpolation", path) switch
            {
                null or "bicubic" => Interpolation.Bicubic,
                "bilinear" => Interpolation.Bilinear,
                var other => throw new InputException($"{path}: interpolation {other} is not supported; use bicubic or bilinear."),
            },
            Mean = cfg.GetNumbers("mean", path) ?? Repeat(0.5, channels),
            Std = cfg.GetNumbers("std", path) ?? Repeat(0.5, channels),
        }, channels, path);
    }

    /// <summary>Writes timm's keys into the open object.</summary>
    public static void WriteTimm(Utf8JsonWriter json, Preprocessing preprocessing)
    {
        json.WriteStartArray("input_size");
        json.WriteNumberValue(preprocessing.Mean.Length);
        json.WriteNumberValue(preprocessing.Size);
        json.WriteNumberValue(preprocessing.Size);
        json.WriteEndArray();
        json.WriteString("interpolation", preprocessing.Interpolation == Interpolation.Bicubic ? "bicubic" : "bilinear");
        json.WriteNumber("crop_pct", preprocessing.CropFraction);
        json.WriteString("crop_mode", "center");
        json.WriteNumbers("mean", preprocessing.Mean);
        json.WriteNumbers("std", preprocessing.Std);
    }

    /// <summary>Reads a whole <c>preprocessor_config.json</c>.</summary>
    /// <exception cref="InputException">It asks for what is not supported: no resize, a squashed image, another rescaling, another filter.</exception>
    public static Preprocessing ReadHuggingFace(string text, string path)
    {
        var json = Json.ParseObject(text, path);
        if (json.GetFlag("do_resize", path) == false || json.Get("size") is not { } size)
            throw new InputException($"{path} does not resize images; give a size.");
        var crops = json.GetFlag("do_center_crop", path) ?? json.Get("crop_size") is not null;
        var (resize, isShortestSide) = Side(size, "size", path);
        if (!crops && !isShortestSide)
            throw new InputException($"{path} squashes images to {resize}×{resize}, which is not supported; resize the shortest_edge and crop the centre.");
        if (json.GetFlag("do_rescale", path) == false || Math.Abs((json.GetNumber("rescale_factor", path) ?? 1 / 255.0) * 255 - 1) > 1e-4)
            throw new InputException($"{path}: only rescale_factor 1/255 is supported.");
        var side = crops && json.Get("crop_size") is { } crop ? Side(crop, "crop_size", path).Pixels : resize;
        var normalizes = json.GetFlag("do_normalize", path) ?? true;
        var mean = normalizes ? json.GetNumbers("image_mean", path) ?? Repeat(0.5, 3) : Repeat(0, 3);
        return Check(new Preprocessing
        {
            Size = side,
            CropFraction = Fraction(side, resize),
            Interpolation = json.GetInt("resample", path) switch
            {
                null or 3 => Interpolation.Bicubic,
                2 => Interpolation.Bilinear,
                var other => throw new InputException($"{path}: resample {other} is not supported; use 3 (bicubic) or 2 (bilinear)."),
            },
            Mean = mean,
            Std = normalizes ? json.GetNumbers("image_std", path) ?? Repeat(0.5, mean.Length) : Repeat(1, 3),
        }, mean.Length, path);
    }

    /// <summary>A <c>preprocessor_config.json</c> whose processor does the same steps: shortest edge, centre crop, rescale, normalise.</summary>
    public static string ToHuggingFace(Preprocessing preprocessing) => Json.Write(json =>
    {
        json.WriteBoolean("do_resize", true);
        json.WriteStartObject("size");
        json.WriteNumber("shortest_edge", preprocessing.Resize);
        json.WriteEndObject();
        json.WriteNumber("resample", preprocessing.Interpolation == Interpolation.Bicubic ? 3 : 2);
        json.WriteBoolean("do_center_crop", true);
        json.WriteStartObject("crop_size");
        json.WriteNumber("height", preprocessing.Size);
        json.WriteNumber("width", preprocessing.Size);
        json.WriteEndObject();
        json.WriteBoolean("do_rescale", true);
        json.WriteNumber("rescale_factor", 1 / 255.0);
        json.WriteBoolean("do_normalize", true);
        json.WriteNumbers("image_mean", preprocessing.Mean);
        json.WriteNumbers("image_std", preprocessing.Std);
        json.WriteBoolean("do_convert_rgb", preprocessing.Mean.Length == 3);
        json.WriteString("image_processor_type", "CLIPImageProcessor");
    });

    /// <summary>Hugging Face writes a size as 248, {"height": 224, "width": 224} or {"shortest_edge": 248}.</summary>
    private static (int Pixels, bool IsShortestSide) Side(JsonElement value, string key, string path)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var pixels)) return (pixels, false);
        if (value.GetInt("shortest_edge", path) is { } edge) return (edge, true);
        return value.GetInt("height", path) is { } height && value.GetInt("width", path) == height ? (height, false)
            : throw Json.Wrong(path, key, "a side, a square or a shortest_edge", value);
    }

    /// <summary>The crop fraction from which ⌊size / fraction⌋ gives exactly <paramref name="resize"/>, rounding errors included.</summary>
    private static double Fraction(int size, int resize)
    {
        var fraction = (double)size / resize;
        while (Math.Floor(size / fraction) < resize) fraction = Math.BitDecrement(fraction);
        return fraction;
    }

    private static Preprocessing Check(Preprocessing preprocessing, int channels, string path)
    {
        var fault = preprocessing.Size is < 1 or > 1 << 14 ? $"the input size {preprocessing.Size}"
            : preprocessing.CropFraction is not (> 0 and <= 1) ? $"the crop fraction {preprocessing.CropFraction} (must lie in (0, 1])"
            : preprocessing.Mean.Length != channels || preprocessing.Std.Length != channels ? $"mean and std, which need {channels} entries each"
            : preprocessing.Std.Any(s => s <= 0) ? "a std that is not above 0"
            : null;
        return fault is null ? preprocessing : throw new InputException($"{path}: cannot use {fault}.");
    }

    private static ImmutableArray<double> Repeat(double value, int count) => [.. Enumerable.Repeat(value, count)];
}
