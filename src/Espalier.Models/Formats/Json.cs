using System.Collections.Immutable;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Espalier.Models.Formats;

/// <summary>Reading of JSON keys that may be absent, and byte-deterministic writing (UTF-8, two spaces, line feeds).</summary>
internal static class Json
{
    /// <summary>Parses one JSON object.</summary>
    /// <exception cref="InputException">It is not valid JSON, repeats a key, or is no object.</exception>
    public static JsonElement ParseObject(string text, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
            CheckTexts(document.RootElement);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone()
                : throw new InputException($"{path} must hold a JSON object.");
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{path} is not valid JSON: a text in it is half a character ({e.Message})", e);
        }
        catch (JsonException e)
        {
            throw new InputException($"{path} is not valid JSON: {e.Message}", e);
        }
    }

    /// <summary>What <paramref name="write"/> adds to one object, as text that ends with a line feed.</summary>
    public static string Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions
        {
            Indented = true,
            NewLine = "\n",
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }))
        {
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    // An escape such as \ud800 alone is half a character; whoever asks for such a text later would get an exception of another kind.
    private static void CheckTexts(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) _ = value.GetString();
        else if (value.ValueKind == JsonValueKind.Array)
            foreach (var item in value.EnumerateArray()) CheckTexts(item);
        else if (value.ValueKind == JsonValueKind.Object)
            foreach (var entry in value.EnumerateObject())
            {
                _ = entry.Name;
                CheckTexts(entry.Value);
            }
    }

    public static void WriteNumbers(this Utf8JsonWriter json, string key, ImmutableArray<double> values)
    {
        json.WriteStartArray(key);
        foreach (var value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    /// <summary>The value of a key; null when it is absent or JSON null.</summary>
    public static JsonElement? Get(this JsonElement json, string key) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public static string? GetText(this JsonElement json, string key, string path) => json.Get(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw Wrong(path, key, "a text", value);

    public static double? GetNumber(this JsonElement json, string key, string path) => json.Get(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number
        : throw Wrong(path, key, "a number", value);

    public static int? GetInt(this JsonElement json, string key, string path) => json.Get(key) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) && number >= 0 ? number
        : throw Wrong(path, key, "a whole number ≥ 0", value);

    public static bool? GetFlag(this JsonElement json, string key, string path) => json.Get(key) is not { } value ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(path, key, "true or false", value);

    public static ImmutableArray<double>? GetNumbers(this JsonElement json, string key, string path)
    {
        if (json.Get(key) is not { } value) return null;
        if (value.ValueKind != JsonValueKind.Array ||
            value.EnumerateArray().Any(item => item.ValueKind != JsonValueKind.Number || !double.IsFinite(item.GetDouble())))
            throw Wrong(path, key, "a list of numbers", value);
        return [.. value.EnumerateArray().Select(item => item.GetDouble())];
    }

    public static InputException Wrong(string path, string key, string expected, JsonElement value)
    {
        var text = value.GetRawText().ReplaceLineEndings(" ");
        return new InputException($"{path}: {key} must be {expected}, not {(text.Length > 60 ? text[..60] + "..." : text)}.");
    }
}
