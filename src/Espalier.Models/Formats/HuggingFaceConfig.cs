using System.Text.Json;

namespace Espalier.Models.Formats;

/// <summary>What a <c>config.json</c> of Hugging Face says besides shapes, and the defaults of what it leaves out.</summary>
internal static class HuggingFaceConfig
{
    /// <summary>The model's type; null when the file is not from Hugging Face.</summary>
    /// <exception cref="InputException">The network is of a kind that is not read.</exception>
    public static string? Check(JsonElement json, string path)
    {
        var type = json.GetText("model_type", path);
        if (type is not (null or "vit" or "deit" or "dinov2" or "dinov2_with_registers" or "vit_mae" or "vit_msn" or "swin"))
            throw new InputException($"{path}: model_type {type} is not supported; this version reads plain ViT, DeiT, DINOv2, ViT-MAE and Swin.");
        if (json.GetText("hidden_act", path) is { } activation and not "gelu")
            throw new InputException($"{path}: hidden_act {activation} is not supported; only gelu is.");
        return type;
    }

    /// <summary>Heads when <c>num_attention_heads</c> is left out.</summary>
    public static int? Heads(string? type) => type is null or "swin" ? null : 12;

    /// <summary>Epsilon when <c>layer_norm_eps</c> is left out: the library's default, not timm's.</summary>
    public static double? LayerNormEps(string? type) => type switch
    {
        null => null,
        "vit" or "deit" or "vit_mae" => 1e-12,
        "swin" => 1e-5,
        _ => 1e-6,
    };

    /// <summary>Whether the library interpolates positions whenever an image has another size than the network was trained with.</summary>
    public static bool InterpolatesAlways(string? type) => type is "dinov2" or "dinov2_with_registers";
}
