using System.Text.Json;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>The <c>espalier</c> object of <c>config.json</c>: the whole architecture. What is as in the original ViT is not written.</summary>
internal static class ArchitectureJson
{
    public static void Write(Utf8JsonWriter json, VitArchitecture net)
    {
        json.WriteNumber("version", ModelConfig.Version);
        json.WriteNumber("image_size", net.ImageSize);
        json.WriteNumber("patch_size", net.PatchSize);
        json.WriteNumber("channels", net.Channels);
        json.WriteNumber("embed_dim", net.EmbedDim);
        json.WriteNumber("depth", net.Depth);
        json.WriteNumber("layer_norm_eps", net.LayerNormEps);
        if (net.Staged) json.WriteBoolean("staged", true);
        if (!net.ClassToken) json.WriteBoolean("class_token", false);
        if (net.DistToken) json.WriteBoolean("dist_token", true);
        if (net.DistHead) json.WriteBoolean("dist_head", true);
        if (net.RegTokens > 0) json.WriteNumber("reg_tokens", net.RegTokens);
        if (!net.EmbedPrefix) json.WriteBoolean("no_embed_class", true);
        if (net.FcNorm) json.WriteBoolean("fc_norm", true);
        if (net.PreNorm) json.WriteBoolean("pre_norm", true);
        if (!net.PatchBias) json.WriteBoolean("patch_bias", false);
        json.WriteStartArray("blocks");
        foreach (var block in net.Blocks) BlockJson.Write(json, block);
        json.WriteEndArray();
    }

    /// <summary>Reads what <see cref="Write"/> wrote; name, classes and pooling stand outside of it.</summary>
    /// <exception cref="InputException">Something is missing, of the wrong type, out of range, or contradicts the rest.</exception>
    public static VitArchitecture Read(JsonElement json, JsonElement own, string path)
    {
        if (Positive(own, "version") > ModelConfig.Version)
            throw new InputException($"{path} was written by a newer version of Espalier; update to read it.");
        if (own.Get("blocks") is not { ValueKind: JsonValueKind.Array } blocks)
            throw new InputException($"{path}: espalier.blocks is missing.");
        var net = new VitArchitecture
        {
            Name = json.GetText("architecture", path) ?? throw new InputException($"{path}: architecture is missing."),
            ImageSize = Positive(own, "image_size"),
            PatchSize = Positive(own, "patch_size"),
            Channels = Positive(own, "channels"),
            EmbedDim = Positive(own, "embed_dim"),
            Classes = json.GetInt("num_classes", path) ?? throw new InputException($"{path}: num_classes is missing."),
            LayerNormEps = own.GetNumber("layer_norm_eps", path)
                ?? throw new InputException($"{path}: layer_norm_eps is missing."),
            ClassToken = own.GetFlag("class_token", path) ?? true,
            DistToken = own.GetFlag("dist_token", path) ?? false,
            DistHead = own.GetFlag("dist_head", path) ?? false,
            RegTokens = own.GetInt("reg_tokens", path) ?? 0,
            EmbedPrefix = !(own.GetFlag("no_embed_class", path) ?? false),
            Pool = ModelConfig.ReadPool(json, path) ?? Pooling.Token,
            FcNorm = own.GetFlag("fc_norm", path) ?? false,
            PreNorm = own.GetFlag("pre_norm", path) ?? false,
            PatchBias = own.GetFlag("patch_bias", path) ?? true,
            Staged = own.GetFlag("staged", path) ?? false,
            Blocks = [.. blocks.EnumerateArray().Select((block, i) => BlockJson.Read(block, i, path))],
        };
        if (VitLimits.Fault(net) is { } excess) throw new InputException($"{path}: {excess}");
        if (net.ImageSize % net.PatchSize != 0 || net.Depth != Positive(own, "depth"))
            throw new InputException($"{path}: patch_size must divide image_size, and blocks must have depth entries.");
        if (net.Check() is { } fault) throw new InputException($"{path}: {fault}");
        if ((net.Pool == Pooling.Token && net.PrefixTokens == 0) || (net.DistHead && (net.Classes == 0 || !net.DistToken || !net.ClassToken)))
            throw new InputException($"{path}: there is no token for the head to read; check class_token, dist_token and global_pool.");
        return net;

        int Positive(JsonElement from, string key) => from.GetInt(key, path) is { } value and > 0 ? value
            : throw new InputException($"{path}: {key} is missing or not above 0.");
    }
}
