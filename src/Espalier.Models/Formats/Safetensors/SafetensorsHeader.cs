using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Unicode;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>The JSON header of a safetensors file, and every check that makes its offsets safe to follow.</summary>
internal sealed record SafetensorsHeader(ImmutableArray<SafetensorsEntry> Tensors, ImmutableSortedDictionary<string, string> Metadata)
{
    /// <summary>Longest header accepted, in bytes: the reference implementation's limit against hostile files.</summary>
    public const long MaxLength = 100_000_000;

    /// <summary>Reads a header.</summary>
    /// <param name="json">The header's bytes: UTF-8 JSON that starts with <c>{</c>, padded with spaces.</param>
    /// <param name="dataLength">Bytes that follow the header in the file.</param>
    /// <param name="path">Named in errors.</param>
    /// <exception cref="InputException">The header is not valid JSON, or breaks a rule of the format.</exception>
    public static SafetensorsHeader Parse(ReadOnlyMemory<byte> json, long dataLength, string path)
    {
        if (json.IsEmpty || json.Span[0] != (byte)'{') throw Invalid(path, "its header does not start with '{'");
        if (!Utf8.IsValid(json.Span)) throw Invalid(path, "its header is not valid UTF-8");
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.GetPropertyCount() is var count && count > TensorFiles.MostTensors + 1) throw TensorFiles.TooMany(path, count);
            var tensors = ImmutableArray.CreateBuilder<SafetensorsEntry>();
            var metadata = ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);
            foreach (var entry in document.RootElement.EnumerateObject())
            {
                if (entry.Name == "__metadata__") metadata = ReadMetadata(entry.Value, path).ToImmutableSortedDictionary(StringComparer.Ordinal);
                else tensors.Add(ReadTensor(entry.Name, entry.Value, path));
            }
            Validate(tensors, dataLength, path);
            return new SafetensorsHeader([.. tensors.OrderBy(t => t.Name, StringComparer.Ordinal)], metadata);
        }
        // An unpaired surrogate escape surfaces as InvalidOperationException when the string is decoded.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Invalid(path, $"its header is not valid JSON ({e.Message})", e);
        }
    }

    /// <summary>The tensors must tile the data exactly, in some order, and each must be as long as its shape and type say.</summary>
    private static void Validate(IEnumerable<SafetensorsEntry> tensors, long dataLength, string path)
    {
        long position = 0;
        foreach (var tensor in tensors.OrderBy(t => t.Begin).ThenBy(t => t.End))
        {
            if (tensor.Begin != position)
                throw Invalid(path, $"tensor {tensor.Name} starts at byte {tensor.Begin} of the data where byte "
                    + $"{position} was expected (a hole or an overlap)");
            if (ExpectedLength(tensor) is not { } length)
                throw Invalid(path, $"the size of tensor {tensor.Name}, shape {tensor.ShapeText}, overflows");
            if (tensor.ByteLength != length)
                throw Invalid(path, $"tensor {tensor.Name}, {tensor.ElementType.HeaderName()} {tensor.ShapeText}, needs "
                    + $"{length} bytes but has {tensor.ByteLength}");
            position = tensor.End;
        }
        if (position != dataLength)
            throw Invalid(path, $"its tensors take {position} bytes but {dataLength} follow the header (a truncated or "
                + "damaged file)");
    }

    private static long? ExpectedLength(SafetensorsEntry tensor)
    {
        try
        {
            return checked(tensor.Shape.Aggregate(1L, (count, extent) => checked(count * extent)) * tensor.ElementType.Size());
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static SafetensorsEntry ReadTensor(string name, JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Invalid(path, $"the entry of tensor {name} is not an object");
        if (!value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String)
            throw Invalid(path, $"tensor {name} has no dtype");
        if (!ElementTypes.TryParse(dtype.GetString(), out var type))
            throw new InputException($"{path}: tensor {name} has the unsupported element type {dtype.GetString()}; "
                + "convert it to F32, F16 or BF16.");
        var shape = ReadLongs(value, "shape", name, path);
        var offsets = ReadLongs(value, "data_offsets", name, path);
        if (offsets.Length != 2 || offsets[1] < offsets[0]) throw Invalid(path, $"tensor {name} has data_offsets "
            + $"{TensorInfo.Describe(offsets)}");
        return new SafetensorsEntry(name, type, shape, offsets[0], offsets[1]);
    }

    private static ImmutableArray<long> ReadLongs(JsonElement entry, string key, string name, string path)
    {
        if (!entry.TryGetProperty(key, out var list) || list.ValueKind != JsonValueKind.Array)
            throw Invalid(path, $"tensor {name} has no {key}");
        if (list.GetArrayLength() > TensorFiles.MostDimensions) throw Invalid(path, $"tensor {name} has {list.GetArrayLength()} numbers in its {key}");
        var values = ImmutableArray.CreateBuilder<long>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number) || number < 0)
                throw Invalid(path, $"tensor {name} has {item.GetRawText()} in its {key}, which must be whole numbers ≥ 0");
            values.Add(number);
        }
        return values.ToImmutable();
    }

    private static IEnumerable<KeyValuePair<string, string>> ReadMetadata(JsonElement value, string path)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Invalid(path, "its __metadata__ is not an object");
        foreach (var item in value.EnumerateObject())
        {
            if (item.Value.ValueKind != JsonValueKind.String) throw Invalid(path, $"its __metadata__ entry {item.Name} is "
                + "not a string");
            yield return new(item.Name, item.Value.GetString()!);
        }
    }

    internal static InputException Invalid(string path, string what, Exception? inner = null) =>
        new($"{path} is not a valid safetensors file: {what}. Download or export it again.", inner);
}
