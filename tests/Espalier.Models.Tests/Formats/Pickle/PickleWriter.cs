using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Espalier.Models.Tests.Formats.Pickle;

/// <summary>Writes pickles operation by operation, good and bad ones.</summary>
internal sealed class PickleWriter
{
    private readonly MemoryStream _bytes = new();

    public PickleWriter() => Raw(0x80, 2);

    public static string Rebuild => "torch._utils _rebuild_tensor_v2";

    public byte[] Bytes => _bytes.ToArray();

    public PickleWriter Raw(params byte[] bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    public PickleWriter Op(params string[] operations)
    {
        foreach (var op in operations) Raw(Encoding.Latin1.GetBytes(op));
        return this;
    }

    /// <summary>A name, as <c>module name</c>.</summary>
    public PickleWriter Global(string name) => Op("c" + name.Replace(' ', '\n') + "\n");

    public PickleWriter Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Raw([(byte)'X', .. length, .. bytes]);
    }

    public PickleWriter Long(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw([0x8A, 8, .. bytes]);
    }

    public PickleWriter Longs(params long[] values)
    {
        Op("(");
        foreach (var value in values) Long(value);
        return Op("t");
    }

    /// <summary>('storage', type, key, 'cpu', count) as a persistent id.</summary>
    public PickleWriter Storage(string type, string key, long count) =>
        Op("(").Text("storage").Global($"torch {type}").Text(key).Text("cpu").Long(count).Op("tQ");

    /// <summary>A call of _rebuild_tensor_v2 on a storage of floats.</summary>
    public PickleWriter Tensor(long count, long offset, long[] shape, long[] strides, string key = "0") =>
        Global(Rebuild).Op("(").Storage("FloatStorage", key, count).Long(offset).Longs(shape).Longs(strides).Raw(0x89).Op("}tR");

    /// <summary>A pickle of {'w': …}.</summary>
    public static byte[] Dict(Action<PickleWriter> value)
    {
        var writer = new PickleWriter().Op("}").Text("w");
        value(writer);
        return writer.Op("s.").Bytes;
    }

    /// <summary>A checkpoint of a pickle and one storage "0".</summary>
    public static void Save(string path, byte[] pickle, int storageBytes = 40, CompressionLevel level = CompressionLevel.NoCompression,
        params (string Name, byte[] Bytes)[] more)
    {
        using var zip = ZipFile.Open(path, ZipArchiveMode.Create);
        foreach (var (name, bytes) in new[] { ("archive/data.pkl", pickle), ("archive/data/0", new byte[storageBytes]) }.Concat(more))
        {
            using var entry = zip.CreateEntry(name, level).Open();
            entry.Write(bytes);
        }
    }
}
