using System.Text.Json.Nodes;
using Espalier.Models.Formats.Onnx.Proto;

namespace Espalier.Models.Formats.Onnx;

/// <summary>What an ONNX file says besides its graph: its <c>metadata_props</c>; those with parts are JSON.</summary>
internal static class OnnxMetadata
{
    public static IEnumerable<StringStringEntryProto> Of(Model model, OnnxOptions options)
    {
        yield return Entry("architecture", model.Architecture.Name);
        yield return Entry("preprocessing", Preprocessing(model, options).ToJsonString());
        if (options.ClassNames.Length > 0)
            yield return Entry("class_names", Array(options.ClassNames.Select(n => JsonValue.Create(n))).ToJsonString());
        if (options.Provenance is { } provenance) yield return Entry("provenance", provenance.ToJsonString());
        if (options.SourceHash is { } hash) yield return Entry("source_sha256", hash);
    }

    // The keys are those of "inspect --json" and timm's crop_mode; what the graph does itself need not be done before it.
    private static JsonObject Preprocessing(Model model, OnnxOptions options)
    {
        var own = model.Preprocessing;
        return new JsonObject
        {
            ["size"] = own.Size,
            ["resize"] = own.Resize,
            ["crop"] = own.CropFraction,
            ["crop_mode"] = own.Squash ? "squash" : "center",
            ["interpolation"] = own.Interpolation.ToString().ToLowerInvariant(),
            ["mean"] = Array(own.Mean.Select(m => JsonValue.Create(m))),
            ["std"] = Array(own.Std.Select(s => JsonValue.Create(s))),
            ["in_graph"] = options.WithNormalization ? "normalization" : "nothing",
        };
    }

    private static JsonArray Array(IEnumerable<JsonNode?> items) => new([.. items]);

    private static StringStringEntryProto Entry(string key, string value) => new() { Key = key, Value = value };
}
