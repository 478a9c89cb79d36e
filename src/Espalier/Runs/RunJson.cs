using System.Text.Json.Serialization;

namespace Espalier.Runs;

/// <summary>JSON of the run folder's own files; generated code, because reflection would cost start-up time.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, WriteIndented = true, NewLine = "\n")]
[JsonSerializable(typeof(RunFormat))]
[JsonSerializable(typeof(RunManifest))]
[JsonSerializable(typeof(RunState))]
internal sealed partial class RunJson : JsonSerializerContext;
