using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Models.Data;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>
/// What <c>config.json</c> of a model folder says: timm's keys, plus <c>espalier</c> with every block's widths and the provenance.
/// A file of timm's or Hugging Face's own lacks some of it; what it lacks is null.
/// </summary>
public sealed record ModelConfig
{
    /// <summary>Version of the <c>espalier</c> object that is written, and the newest that is read.</summary>
    public const int Version = 1;

    /// <summary>timm name.</summary>
    public string? Name { get; init; }

    /// <summary>Attention heads of every block, from <c>model_args.num_heads</c> (timm) or <c>num_attention_heads</c> (Hugging Face).</summary>
    public int? Heads { get; init; }

    public double? LayerNormEps { get; init; }

    /// <summary>The whole architecture; null when the file has no <c>espalier.blocks</c>.</summary>
    public VitArchitecture? Architecture { get; init; }

    /// <summary>From <c>pretrained_cfg</c>; null when the file has none.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>How the weights came about (method, profile, seed, target, hashes; no times). Treat it as read-only.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Class names in label order, from <c>label_names</c> or <c>id2label</c>; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames { get; init; } = [];

    /// <summary>The complete config of a model that is about to be written.</summary>
    public static ModelConfig Of(VitArchitecture architecture, Preprocessing preprocessing, JsonObject? provenance = null,
        ImmutableArray<string> classNames = default) => new()
    {
        Name = architecture.Name,
        LayerNormEps = architecture.LayerNormEps,
        Architecture = architecture,
        Preprocessing = preprocessing,
        Provenance = provenance,
        ClassNames = classNames.IsDefault ? [] : classNames,
    };

    /// <summary>Reads the text of a <c>config.json</c>.</summary>
    /// <exception cref="InputException">It is not valid JSON, or a value is of the wrong type or out of range.</exception>
    public static ModelConfig Parse(string text, string path)
    {
        var json = Json.ParseObject(text, path);
        var own = json.Get("espalier");
        if (json.GetText("model_type", path) is { } type and not ("vit" or "deit"))
            throw new InputException($"{path}: model_type {type} is not supported; this version reads plain ViT and DeiT.");
        return new ModelConfig
        {
            Name = json.GetText("architecture", path),
            Heads = json.Get("model_args")?.GetInt("num_heads", path) ?? json.GetInt("num_attention_heads", path),
            LayerNormEps = own?.GetNumber("layer_norm_eps", path) ?? json.GetNumber("layer_norm_eps", path),
            Architecture = own is { } espalier ? ReadArchitecture(json, espalier, path) : null,
            Preprocessing = json.Get("pretrained_cfg") is { } cfg ? PretrainedCfg.Read(cfg, path) : null,
            Provenance = own?.Get("provenance") is { ValueKind: JsonValueKind.Object } provenance ? JsonObject.Create(provenance) : null,
            ClassNames = ReadClassNames(json),
        };
    }

    /// <summary>The text of <c>config.json</c>: the same bytes for the same content.</summary>
    /// <exception cref="InvalidOperationException">The architecture or the preprocessing is missing.</exception>
    public string ToJson()
    {
        var net = Architecture ?? throw new InvalidOperationException("A config is written with its architecture.");
        var preprocessing = Preprocessing ?? throw new InvalidOperationException("A config is written with its preprocessing.");
        return Json.Write(json =>
        {
            json.WriteString("architecture", net.Name);
            json.WriteNumber("num_classes", net.Classes);
            json.WriteNumber("num_features", net.EmbedDim);
            json.WriteString("global_pool", "token");
            if (ClassNames.Length > 0)
            {
                json.WriteStartArray("label_names");
                foreach (var name in ClassNames) json.WriteStringValue(name);
                json.WriteEndArray();
            }
            json.WriteStartObject("pretrained_cfg");
            json.WriteNumber("num_classes", net.Classes);
            PretrainedCfg.Write(json, preprocessing);
            json.WriteString("first_conv", "patch_embed.proj");
            json.WriteString("classifier", "head");
            json.WriteEndObject();
            json.WriteStartObject("espalier");
            WriteArchitecture(json, net);
            if (Provenance is not null)
            {
                json.WritePropertyName("provenance");
                Provenance.WriteTo(json);
            }
            json.WriteEndObject();
        });
    }

    private static void WriteArchitecture(Utf8JsonWriter json, VitArchitecture net)
    {
        json.WriteNumber("version", Version);
        json.WriteNumber("image_size", net.ImageSize);
        json.WriteNumber("patch_size", net.PatchSize);
        json.WriteNumber("channels", net.Channels);
        json.WriteNumber("embed_dim", net.EmbedDim);
        json.WriteNumber("depth", net.Depth);
        json.WriteNumber("layer_norm_eps", net.LayerNormEps);
        json.WriteStartArray("blocks");
        foreach (var block in net.Blocks) BlockJson.Write(json, block);
        json.WriteEndArray();
    }

    private static VitArchitecture ReadArchitecture(JsonElement json, JsonElement own, string path)
    {
        if (Positive(own, "version") > Version)
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
            Classes = Positive(json, "num_classes"),
            LayerNormEps = own.GetNumber("layer_norm_eps", path)
                ?? throw new InputException($"{path}: layer_norm_eps is missing."),
            Blocks = [.. blocks.EnumerateArray().Select((block, i) => BlockJson.Read(block, i, path))],
        };
        if (net.CheckMerging() is { } fault) throw new InputException($"{path}: {fault}");
        return net.ImageSize % net.PatchSize != 0 || net.Depth != Positive(own, "depth")
            ? throw new InputException($"{path}: patch_size must divide image_size, and blocks must have depth entries.") : net;

        int Positive(JsonElement from, string key) => from.GetInt(key, path) is { } value and > 0 ? value
            : throw new InputException($"{path}: {key} is missing or not above 0.");
    }

    /// <summary>timm writes a list, Hugging Face an object from the label's number to its name. Names are a courtesy: odd ones are ignored.</summary>
    private static ImmutableArray<string> ReadClassNames(JsonElement json)
    {
        if (json.Get("label_names") is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String))
            return [.. list.EnumerateArray().Select(n => n.GetString()!)];
        if (json.Get("id2label") is not { ValueKind: JsonValueKind.Object } map) return [];
        var names = map.EnumerateObject().Select((_, i) => map.Get($"{i}")).ToArray();
        return names.All(n => n is { ValueKind: JsonValueKind.String }) ? [.. names.Select(n => n!.Value.GetString()!)] : [];
    }
}
