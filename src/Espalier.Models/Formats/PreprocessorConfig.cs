using System.Text.Json;
using Espalier.Models.Data;

namespace Espalier.Models.Formats;

/// <summary>Preprocessing as Hugging Face writes it: <c>preprocessor_config.json</c>.</summary>
public static class PreprocessorConfig
{
    /// <summary>
    /// Reads a whole <c>preprocessor_config.json</c>. A square size that is cropped afterwards (DeiT: 256, then 224) is taken as the
    /// shortest side, which is what those models were trained with; it differs from a squashed image only where images are not square.
    /// </summary>
    /// <exception cref="InputException">It asks for what is not supported: no resize, another rescaling, another filter.</exception>
    public static Preprocessing Parse(string text, string path)
    {
        var json = Json.ParseObject(text, path);
        if (json.GetFlag("do_resize", path) == false || json.Get("size") is not { } size)
            throw new InputException($"{path} does not resize images; give a size.");
        var crops = json.GetFlag("do_center_crop", path) ?? json.Get("crop_size") is not null;
        var (resize, isShortestSide) = Side(size, "size", path);
        if (json.GetFlag("do_rescale", path) == false || !(Math.Abs((json.GetNumber("rescale_factor", path) ?? 1 / 255.0) * 255 - 1) <= 1e-4))
            throw new InputException($"{path}: only rescale_factor 1/255 is supported.");
        var side = crops && json.Get("crop_size") is { } crop ? Side(crop, "crop_size", path).Pixels : resize;
        var normalizes = json.GetFlag("do_normalize", path) ?? true;
        var mean = normalizes ? json.GetNumbers("image_mean", path) ?? PretrainedCfg.Repeat(0.5, 3) : PretrainedCfg.Repeat(0, 3);
        return PretrainedCfg.Check(new Preprocessing
        {
            Size = side,
            CropFraction = json.GetNumber("crop_pct", path) ?? Fraction(side, resize),
            Squash = !crops && !isShortestSide,
            Interpolation = json.GetInt("resample", path) switch
            {
                null or 3 => Interpolation.Bicubic,
                2 => Interpolation.Bilinear,
                var other => throw new InputException($"{path}: resample {other} is not supported; use 3 (bicubic) or 2 "
                    + "(bilinear)."),
            },
            Mean = mean,
            Std = normalizes ? json.GetNumbers("image_std", path) ?? PretrainedCfg.Repeat(0.5, mean.Length) : PretrainedCfg.Repeat(1, 3),
        }, mean.Length, path);
    }

    /// <summary>
    /// A <c>preprocessor_config.json</c> whose processor does the same steps: shortest edge (both edges when squashing), centre crop, rescale,
    /// normalise.
    /// </summary>
    public static string ToJson(Preprocessing preprocessing) => Json.Write(json =>
    {
        json.WriteBoolean("do_resize", true);
        json.WriteStartObject("size");
        if (preprocessing.Squash)
        {
            json.WriteNumber("height", preprocessing.Resize);
            json.WriteNumber("width", preprocessing.Resize);
        }
        else json.WriteNumber("shortest_edge", preprocessing.Resize);
        json.WriteEndObject();
        json.WriteNumber("resample", preprocessing.Interpolation == Interpolation.Bicubic ? 3 : 2);
        // Squashing to the network's own size leaves nothing to crop, and without a crop the two are told apart when read back.
        json.WriteBoolean("do_center_crop", !preprocessing.Squash || preprocessing.Resize != preprocessing.Size);
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
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var pixels) && pixels > 0) return (pixels, false);
        if (value.ValueKind == JsonValueKind.Number) throw Json.Wrong(path, key, "a number of pixels above 0", value);
        if (value.GetInt("shortest_edge", path) is { } edge and > 0) return (edge, true);
        return value.GetInt("height", path) is { } height and > 0 && value.GetInt("width", path) == height ? (height, false)
            : throw Json.Wrong(path, key, "a side, a square or a shortest_edge", value);
    }

    /// <summary>The crop fraction from which ⌊size / fraction⌋ gives exactly <paramref name="resize"/>, rounding errors included.</summary>
    private static double Fraction(int size, int resize)
    {
        var fraction = (double)size / resize;
        while (Math.Floor(size / fraction) < resize) fraction = Math.BitDecrement(fraction);
        return fraction;
    }
}
