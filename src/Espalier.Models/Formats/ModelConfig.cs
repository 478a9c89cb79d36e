using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Models.Cnn;
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

    /// <summary>What the head reads, from timm's <c>global_pool</c>.</summary>
    public Pooling? Pool { get; init; }

    /// <summary>Hugging Face's <c>model_type</c>; null in other files.</summary>
    public string? ModelType { get; init; }

    /// <summary>The whole architecture; null when the file has no <c>espalier.blocks</c>.</summary>
    public Architecture? Architecture { get; init; }

    /// <summary>From <c>pretrained_cfg</c>; null when the file has none.</summary>
    public Preprocessing? Preprocessing { get; init; }

    /// <summary>How the weights came about (method, profile, seed, target, hashes; no times). Treat it as read-only.</summary>
    public JsonObject? Provenance { get; init; }

    /// <summary>Class names in label order, from <c>label_names</c> or <c>id2label</c>; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames { get; init; } = [];

    /// <summary>The complete config of a model that is about to be written.</summary>
    public static ModelConfig Of(Architecture architecture, Preprocessing preprocessing, JsonObject? provenance = null,
        ImmutableArray<string> classNames = default) => new()
    {
        Name = architecture.Name,
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
        var type = HuggingFaceConfig.Check(json, path);
        return new ModelConfig
        {
            Name = json.GetText("architecture", path),
            ModelType = type,
            Heads = json.Get("model_args")?.GetInt("num_heads", path) ?? json.GetInt("num_attention_heads", path) ?? HuggingFaceConfig.Heads(type),
            LayerNormEps = own?.GetNumber("layer_norm_eps", path) ?? json.GetNumber("layer_norm_eps", path) ?? HuggingFaceConfig.LayerNormEps(type),
            Pool = ReadPool(json, path),
            Architecture = own is { } espalier ? ReadArchitecture(json, espalier, path) : null,
            // Files of timm before 0.9 have the keys of pretrained_cfg at the top.
            Preprocessing = (json.Get("pretrained_cfg") ?? (own is null && json.Get("input_size") is { ValueKind: JsonValueKind.Array } ? json : null)) is { } cfg ? PretrainedCfg.Read(cfg, path) : null,
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
        var timm = net.Timm();
        return Json.Write(json =>
        {
            json.WriteString("architecture", net.Name);
            json.WriteNumber("num_classes", net.Classes);
            json.WriteNumber("num_features", net.Features);
            json.WriteString("global_pool", timm.Pool);
            if (ClassNames.Length > 0)
            {
                json.WriteStartArray("label_names");
                foreach (var name in ClassNames) json.WriteStringValue(name);
                json.WriteEndArray();
            }
            json.WriteStartObject("pretrained_cfg");
            json.WriteNumber("num_classes", net.Classes);
            PretrainedCfg.Write(json, preprocessing);
            json.WriteString("first_conv", timm.FirstConv);
            if (timm.Classifiers is [var only]) json.WriteString("classifier", only);
            else
            {
                json.WriteStartArray("classifier");
                foreach (var head in timm.Classifiers) json.WriteStringValue(head);
                json.WriteEndArray();
            }
            json.WriteEndObject();
            json.WriteStartObject("espalier");
            net.Write(json);
            if (Provenance is not null)
            {
                json.WritePropertyName("provenance");
                Provenance.WriteTo(json);
            }
            json.WriteEndObject();
        });
    }

    // Files of the first versions, which knew Vision Transformers alone, name no family.
    private static Architecture ReadArchitecture(JsonElement json, JsonElement own, string path) => own.GetText("family", path) switch
    {
        null => ArchitectureJson.Read(json, own, path),
        CnnJson.Family => CnnJson.Read(json, own, path),
        var other => throw new InputException($"{path}: networks of the family {other} are not known to this version; update to read it."),
    };

    /// <summary>timm states it at the top, a changed one in <c>model_args</c>.</summary>
    internal static Pooling? ReadPool(JsonElement json, string path) =>
        (json.Get("model_args")?.GetText("global_pool", path) ?? json.GetText("global_pool", path)) switch
        {
            null or "" => null,
            "token" => Pooling.Token,
            "avg" => Pooling.Average,
            var other => throw new InputException($"{path}: global_pool {other} is not supported; only token and avg are."),
        };

    /// <summary>timm writes a list, once as <c>labels</c>, Hugging Face an object from the label's number to its name. Names are a courtesy: odd ones are ignored.</summary>
    private static ImmutableArray<string> ReadClassNames(JsonElement json)
    {
        if ((json.Get("label_names") ?? json.Get("labels")) is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(n => n.ValueKind == JsonValueKind.String))
            return [.. list.EnumerateArray().Select(n => n.GetString()!)];
        if (json.Get("id2label") is not { ValueKind: JsonValueKind.Object } map) return [];
        var names = map.EnumerateObject().ToDictionary(e => e.Name, e => e.Value, StringComparer.Ordinal);
        var ordered = Enumerable.Range(0, names.Count).Select(i => names.GetValueOrDefault($"{i}")).ToArray();
        return ordered.All(n => n.ValueKind == JsonValueKind.String) ? [.. ordered.Select(n => n.GetString()!)] : [];
    }
}
