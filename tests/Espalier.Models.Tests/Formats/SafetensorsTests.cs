using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Tests.Formats;

public class SafetensorsTests
{
    [Fact]
    public void What_is_written_is_read_back_whatever_its_types_and_shapes()
    {
        using var folder = new TemporaryFolder();
        for (var seed = 0; seed < 50; seed++)
        {
            var tensors = RandomTensors(new Random(seed)).ToArray();
            SafetensorsWriter.Write(folder["a"], tensors.Select(t => new TensorData(t.Name, t.Type, t.Shape, t.Bytes)));
            SafetensorsWriter.Write(folder["b"], tensors.Reverse().Select(t => new TensorData(t.Name, t.Type, t.Shape, t.Bytes)));
            using var file = SafetensorsFile.Open(folder["a"]);
            file.Infos.Select(t => t.Name).ShouldBe(tensors.Select(t => t.Name).Order(StringComparer.Ordinal));
            foreach (var (name, type, shape, bytes) in tensors)
            {
                file.Info(name).ElementType.ShouldBe(type);
                file.Info(name).Shape.ShouldBe(shape);
                (file.Info(name).Begin % type.Size()).ShouldBe(0);
                file.Bytes(name).SequenceEqual(bytes).ShouldBeTrue();
            }
            file.Metadata.ShouldHaveSingleItem().ShouldBe(new("format", "pt"));
            File.ReadAllBytes(folder["b"]).ShouldBe(File.ReadAllBytes(folder["a"]), "the order of the tensors must not matter");
        }
    }

    [Fact]
    public void The_header_is_the_reference_implementations()
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder["a"],
            [new("b", ElementType.F16, [], new byte[2]), TensorData.Floats("ü", [1, 2], new float[] { 1, 2 })],
            new Dictionary<string, string> { ["a"] = "1" });
        var bytes = File.ReadAllBytes(folder["a"]);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        (length % 8).ShouldBe(0);
        Encoding.UTF8.GetString(bytes, 8, length).TrimEnd(' ').ShouldBe(
            """{"__metadata__":{"a":"1","format":"pt"},"ü":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}""");
        bytes.Length.ShouldBe(8 + length + 10);
    }

    [Fact]
    public void Floating_types_are_read_as_single_precision()
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder["a"],
        [
            new("f16", ElementType.F16, [2], new byte[] { 0x00, 0x3C, 0x00, 0xC0 }),
            new("bf16", ElementType.BF16, [2], new byte[] { 0x80, 0x3F, 0xC0, 0x7F }),
            new("f64", ElementType.F64, [1], BitConverter.GetBytes(0.1)),
            TensorData.Floats("f32", [3], new[] { 0.1f, float.NegativeInfinity, -0f }),
            new("i64", ElementType.I64, [1], new byte[8]),
        ]);
        using var file = SafetensorsFile.Open(folder["a"]);
        file.ReadFloats("f16").ShouldBe([1f, -2f]);
        file.ReadFloats("bf16").ShouldBe([1f, float.NaN]);
        file.ReadFloats("f64").ShouldBe([0.1f]);
        file.ReadFloats("f32").ShouldBe([0.1f, float.NegativeInfinity, -0f]);
        Should.Throw<InputException>(() => file.ReadFloats("i64")).Message.ShouldContain("tensor i64 is I64, where a floating type was expected");
        Should.Throw<InputException>(() => file.ReadFloats("x")).Message.ShouldBe($"{folder["a"]} has no tensor x.");
    }

    [Fact]
    public void A_tensor_of_the_wrong_length_leaves_no_file()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<ArgumentException>(() => SafetensorsWriter.Write(folder["a"], [new("t", ElementType.F32, [2], new byte[7])]))
            .Message.ShouldBe("Tensor t [2] wrote 7 bytes instead of 8.");
        Should.Throw<ArgumentException>(() => SafetensorsWriter.Write(folder["a"], [new("t", ElementType.U8, [0], default(ReadOnlyMemory<byte>)), new("t", ElementType.F32, [0], default(ReadOnlyMemory<byte>))]));
        folder.Files.ShouldBeEmpty();
    }

    [Fact]
    public void A_disposed_file_is_not_read()
    {
        using var folder = new TemporaryFolder();
        SafetensorsWriter.Write(folder["a"], [TensorData.Floats("t", [1], new float[1])]);
        var file = SafetensorsFile.Open(folder["a"]);
        file.Dispose();
        file.Dispose();
        Should.Throw<ObjectDisposedException>(() => file.ReadFloats("t"));
    }

    private static IEnumerable<(string Name, ElementType Type, ImmutableArray<long> Shape, byte[] Bytes)> RandomTensors(Random random)
    {
        for (var i = random.Next(12); i >= 0; i--)
        {
            var type = (ElementType)random.Next(Enum.GetValues<ElementType>().Length);
            ImmutableArray<long> shape = [.. Enumerable.Range(0, random.Next(4)).Select(_ => (long)random.Next(4))];
            var bytes = new byte[shape.Aggregate(1L, (a, b) => a * b) * type.Size()];
            random.NextBytes(bytes);
            yield return ($"{"aZ.\"\\é\n"[random.Next(7)]}{i}", type, shape, bytes);
        }
    }
}
