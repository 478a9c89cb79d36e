using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Espalier.Models.Formats;

namespace Espalier.Runs;

/// <summary>Small facts a step leaves for later ones, as JSON in its folder.</summary>
internal static class StepFile
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
        // A file that lacks something was left by another version; half-filled it would fail later and less clearly.
        RespectRequiredConstructorParameters = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    internal static void Write<T>(string folder, string name, T value) =>
        AtomicFile.WriteText(Path.Combine(folder, name), JsonSerializer.Serialize(value, s_options) + "\n");

    /// <summary>What was written; null when the step has not come so far.</summary>
    /// <exception cref="InputException">The file is damaged.</exception>
    internal static T? Read<T>(string folder, string name) where T : class
    {
        var path = Path.Combine(folder, name);
        if (!File.Exists(path)) return null;
        return JsonFile.Read(path, (JsonTypeInfo<T>)s_options.GetTypeInfo(typeof(T)));
    }
}
