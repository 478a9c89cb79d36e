using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Espalier.Models.Formats;

namespace Espalier.Runs;

/// <summary>Reads JSON files of Espalier's own strictly: what it would not write itself is refused, not guessed at.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false };

    /// <summary>The file's value.</summary>
    /// <param name="path">The file.</param>
    /// <param name="type">What it holds.</param>
    /// <param name="advice">What to do when it cannot be read; a sentence, or nothing.</param>
    /// <exception cref="InputException">
    /// It is missing, too large or no JSON, repeats a key, has a null in a list or where there must be something, or lacks something.
    /// </exception>
    internal static T Read<T>(string path, JsonTypeInfo<T> type, string advice = "") => Read(path, document => document.RootElement.Deserialize(type), s_strict, advice);

    /// <summary>What is made of the file; null is refused.</summary>
    internal static T Read<T>(string path, Func<JsonDocument, T?> make, JsonDocumentOptions options, string advice = "")
    {
        var bytes = SmallFile.ReadBytes(path);
        try
        {
            using var document = JsonDocument.Parse(bytes, options);
            Check(document.RootElement);
            return make(document) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"Cannot read '{path}': {e.Message} {advice}".TrimEnd(), e);
        }
    }

    // Nullable annotations say nothing of what is in a list. A text with half a character throws here.
    private static void Check(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) _ = value.GetString();
        else if (value.ValueKind == JsonValueKind.Object)
            foreach (var entry in value.EnumerateObject())
            {
                _ = entry.Name;
                Check(entry.Value);
            }
        else if (value.ValueKind == JsonValueKind.Array)
            foreach (var item in value.EnumerateArray())
            {
                if (item.ValueKind == JsonValueKind.Null) throw new JsonException("a list holds null.");
                Check(item);
            }
    }
}
