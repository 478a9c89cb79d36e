using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Espalier.Runs;

namespace Espalier.Studies;

/// <summary>Reads a study file: JSON with comments, its forms, its variables.</summary>
public static class StudyFile
{
    private const string Forms = "forms";

    private static readonly JsonDocumentOptions s_comments = new() { AllowDuplicateProperties = false, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private static readonly JsonSerializerOptions s_json = Options(new MethodConverter());

    /// <summary>A study in one of its forms, with its variables filled in.</summary>
    /// <param name="path">The file.</param>
    /// <param name="form">Name of a form, whose keys replace those of the file; null takes the file as it is.</param>
    /// <param name="set">Variables that are set; they win over the file's.</param>
    /// <exception cref="InputException">The file is missing, damaged or has an unknown key.</exception>
    /// <exception cref="UsageException">There is no such form or variable, or one that must be set is not.</exception>
    public static Study Read(string path, string? form, IReadOnlyDictionary<string, string> set)
    {
        var json = Parse(path);
        var forms = json[Forms] as JsonObject;
        json.Remove(Forms);
        if (form is not null)
        {
            if (forms?[form] is not JsonObject other)
                throw new UsageException($"--form {form}: {path} has {(forms is null ? "no forms" : $"the forms {string.Join(", ", forms.Select(f => f.Key))}")}.");
            foreach (var (key, value) in other) json[key] = value?.DeepClone();
        }
        try
        {
            var definition = json.Deserialize<StudyDefinition>(s_json) ?? throw new JsonException("it is null");
            if (definition.Methods.ContainsValue(null!) || definition.Switches.ContainsValue(null!) || definition.Methods.Values.Any(m => m.Switches?.ContainsValue(null!) == true))
                throw new JsonException("a method or a switch is null.");
            return new Study(path, form, definition, Variables(path, definition, set));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{path}: {e.Message}", e);
        }
    }

    // A key that is mistyped would otherwise be a setting that is silently not there.
    private static JsonSerializerOptions Options(params IEnumerable<JsonConverter> converters)
    {
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true };
        foreach (var converter in converters) options.Converters.Add(converter);
        return options;
    }

    private static JsonObject Parse(string path) => JsonFile.Read(path, document => JsonObject.Create(document.RootElement.Clone()), s_comments, "A study is a JSON object.");

    private static ImmutableSortedDictionary<string, string> Variables(string path, StudyDefinition definition, IReadOnlyDictionary<string, string> set)
    {
        if (set.Keys.FirstOrDefault(name => !definition.Variables.ContainsKey(name)) is { } unknown)
            throw new UsageException($"--set {unknown}: {path} has {(definition.Variables.Count == 0 ? "no variables" : $"the variables {string.Join(", ", definition.Variables.Keys)}")}.");
        return definition.Variables.ToImmutableSortedDictionary(v => v.Key, v => set.TryGetValue(v.Key, out var given) ? given
            : v.Value is { } own ? Study.FromFolder(path, own) : throw new UsageException($"{path} needs --set {v.Key}=..."));
    }

    /// <summary>A method may be written as its arguments alone.</summary>
    private sealed class MethodConverter : JsonConverter<StudyMethod>
    {
        private static readonly JsonSerializerOptions s_plain = Options();

        public override StudyMethod? Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.String
            ? new StudyMethod { Arguments = reader.GetString()! }
            : JsonSerializer.Deserialize<StudyMethod>(ref reader, s_plain);

        public override void Write(Utf8JsonWriter writer, StudyMethod value, JsonSerializerOptions options) => throw new NotSupportedException();
    }
}
