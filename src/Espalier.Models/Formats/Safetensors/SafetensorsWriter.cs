using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Espalier.Models.Formats.Safetensors;

/// <summary>
/// Writes safetensors files whose bytes depend on their content alone. Tensors are ordered as the reference implementation orders
/// them: by descending element type, then by ordinal name, so that each is naturally aligned.
/// </summary>
public static class SafetensorsWriter
{
    /// <summary>What tools for PyTorch expect in <c>__metadata__</c>; always written, unless the caller's metadata says otherwise.</summary>
    private const string FormatKey = "format", FormatValue = "pt";

    /// <summary>Writes a file whole or not at all (see <see cref="AtomicFile"/>), replacing an existing one.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="tensors">In any order; their bytes are asked for one tensor at a time.</param>
    /// <param name="metadata">Entries of <c>__metadata__</c> besides <c>format</c>.</param>
    /// <exception cref="ArgumentException">A name is repeated or reserved, or a tensor wrote another length than its shape says.</exception>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        TensorData[] ordered = [.. tensors.OrderByDescending(t => t.ElementType).ThenBy(t => t.Name, StringComparer.Ordinal)];
        var header = Header(ordered, metadata);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(header);
            foreach (var tensor in ordered)
            {
                var begin = stream.Position;
                tensor.Write(stream);
                if (stream.Position - begin != tensor.ByteLength)
                    throw new ArgumentException($"Tensor {tensor.Name} {TensorInfo.Describe(tensor.Shape)} wrote "
                        + $"{stream.Position - begin} bytes instead of {tensor.ByteLength}.");
            }
        });
    }

    /// <summary>The 8-byte length and the JSON, padded with spaces to a multiple of 8.</summary>
    private static byte[] Header(TensorData[] ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        buffer.Write(stackalloc byte[8]);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            WriteTensors(json, ordered);
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        var bytes = buffer.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length - 8);
        return bytes;
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal) { [FormatKey] = FormatValue };
        foreach (var (key, value) in metadata ?? new Dictionary<string, string>()) all[key] = value;
        json.WriteStartObject("__metadata__");
        foreach (var (key, value) in all) json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteTensors(Utf8JsonWriter json, TensorData[] ordered)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { "__metadata__" };
        long position = 0;
        foreach (var tensor in ordered)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"The tensor name {tensor.Name} is reserved or used twice.");
            json.WriteStartObject(tensor.Name);
            json.WriteString("dtype", tensor.ElementType.HeaderName());
            json.WriteStartArray("shape");
            foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(position);
            json.WriteNumberValue(position = checked(position + tensor.ByteLength));
            json.WriteEndArray();
            json.WriteEndObject();
        }
    }
}
