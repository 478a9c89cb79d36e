using System.Text.Json;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>The entries of <c>espalier.blocks[]</c> in <c>config.json</c>.</summary>
internal static class BlockJson
{
    public static void Write(Utf8JsonWriter json, VitBlock block)
    {
        json.WriteStartObject();
        json.WriteString("kind", block.Kind.JsonName());
        json.WriteNumber("heads", block.Heads);
        json.WriteNumber("qk_dim", block.QkDim);
        json.WriteNumber("v_dim", block.VDim);
        json.WriteNumber("mlp_hidden", block.MlpHidden);
        if (block.GatedMlp) json.WriteBoolean("gated_mlp", true);
        if (block.MixerRank is { } rank) json.WriteNumber("mixer_rank", rank);
        if (block.TokensMerged != 0) json.WriteNumber("tokens_merged", block.TokensMerged);
        if (block.HasWindows) json.WriteNumber("window", block.Window);
        if (block.Shift != 0) json.WriteNumber("shift", block.Shift);
        if (block.DownsampleDim != 0) json.WriteNumber("downsample_dim", block.DownsampleDim);
        if (!block.QkvBias) json.WriteBoolean("qkv_bias", false);
        if (block.QkNorm) json.WriteBoolean("qk_norm", true);
        if (block.LayerScale) json.WriteBoolean("layer_scale", true);
        if (block.AttentionScale is { } scale) json.WriteNumber("attention_scale", scale);
        if (block.NormEps is { } eps) json.WriteNumber("norm_eps", eps);
        json.WriteEndObject();
    }

    /// <summary>Reads one block.</summary>
    /// <exception cref="InputException">
    /// A width is missing or negative, the widths contradict the kind, or a token mixer stands where none may.
    /// </exception>
    public static VitBlock Read(JsonElement json, int index, string path)
    {
        var kind = json.GetText("kind", path);
        var block = new VitBlock
        {
            Heads = json.GetInt("heads", path) ?? 0,
            QkDim = json.GetInt("qk_dim", path) ?? 0,
            VDim = json.GetInt("v_dim", path) ?? 0,
            MlpHidden = json.GetInt("mlp_hidden", path) ?? 0,
            GatedMlp = json.GetFlag("gated_mlp", path) ?? false,
            IsLinear = kind == "linear",
            MixerRank = json.GetInt("mixer_rank", path),
            TokensMerged = json.GetInt("tokens_merged", path) ?? 0,
            Window = json.GetInt("window", path) ?? 0,
            Shift = json.GetInt("shift", path) ?? 0,
            DownsampleDim = json.GetInt("downsample_dim", path) ?? 0,
            QkvBias = json.GetFlag("qkv_bias", path) ?? true,
            QkNorm = json.GetFlag("qk_norm", path) ?? false,
            LayerScale = json.GetFlag("layer_scale", path) ?? false,
            AttentionScale = json.GetNumber("attention_scale", path),
            NormEps = json.GetNumber("norm_eps", path),
        };
        if (block.Kind.JsonName() != kind || (block.IsLinear && (block.HasAttention || block.HasMlp)))
            throw new InputException($"{path}: block {index} has the kind {kind ?? "null"}, but its widths make it "
                + $"{block.Kind.JsonName()}.");
        if (block.HasAttention != (block.QkDim > 0) || block.HasAttention != (block.VDim > 0))
            throw new InputException($"{path}: block {index} must have heads, qk_dim and v_dim all above 0, or all 0.");
        if (block.GatedMlp && !block.HasMlp) throw new InputException($"{path}: block {index} is {kind}, which has no MLP to be gated.");
        if ((!block.HasAttention && (block.QkNorm || !block.QkvBias)) || (block.LayerScale && !block.HasAttention && !block.HasMlp))
            throw new InputException($"{path}: block {index} is {kind}, which has no place for its qkv_bias, qk_norm or layer_scale.");
        if (block.HasMixer && !block.TakesMixer)
            throw new InputException($"{path}: block {index} is {kind} and has a mixer_rank; a token mixer needs a block whose "
                + "attention is gone and whose MLP is not (ffn_only).");
        return block;
    }
}
