using System.Runtime.InteropServices;

namespace Espalier.Torch.Tests;

public class TensorDataTests : TorchTest
{
    [Theory]
    [InlineData(DType.UInt8)]
    [InlineData(DType.Int32)]
    [InlineData(DType.Int64)]
    [InlineData(DType.Float16)]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    [InlineData(DType.Bool)]
    [InlineData(DType.BFloat16)]
    public void Bytes_round_trip_in_every_element_type(DType type)
    {
        var bytes = Enumerable.Range(0, 6 * type.Size()).Select(k => (byte)(type == DType.Bool ? k % 2 : k)).ToArray();
        var tensor = Tensor.FromBytes(bytes, type, [2, 3]);
        tensor.DType.ShouldBe(type);
        tensor.Shape.ShouldBe([2, 3]);
        tensor.ToBytes().ShouldBe(bytes);
    }

    [Fact]
    public void Host_values_round_trip_in_every_host_type()
    {
        Tensor.From<float>([1.5f, -2]).ToArray<float>().ShouldBe([1.5f, -2]);
        Tensor.From<double>([1.5, -2]).ToArray<double>().ShouldBe([1.5, -2]);
        Tensor.From<long>([1, -2]).ToArray<long>().ShouldBe([1, -2]);
        Tensor.From<int>([1, -2]).ToArray<int>().ShouldBe([1, -2]);
        Tensor.From<byte>([1, 255]).ToArray<byte>().ShouldBe([1, 255]);
        Tensor.From<bool>([true, false]).ToArray<bool>().ShouldBe([true, false]);
        Tensor.From<Half>([(Half)1.5f]).ToArray<Half>().ShouldBe([(Half)1.5f]);
        Should.Throw<ArgumentException>(() => Tensor.From<char>(['a'])).Message.ShouldContain("System.Char");
    }

    [Fact]
    public void Reading_converts_and_follows_the_logical_order_of_a_view()
    {
        Range(2, 3).Transpose(0, 1).ToArray<long>().ShouldBe([0, 3, 1, 4, 2, 5]);
        MemoryMarshal.Cast<byte, float>(Range(2, 2).Transpose(0, 1).ToBytes()).ToArray().ShouldBe([0, 2, 1, 3]);
    }

    [Fact]
    public void An_empty_tensor_and_a_scalar_round_trip()
    {
        Tensor.FromBytes([], DType.Float32, [0, 4]).ToArray<float>().ShouldBeEmpty();
        var scalar = Tensor.FromBytes([0, 0, 128, 63], DType.Float32, []);
        scalar.Shape.ShouldBeEmpty();
        scalar.Item().ShouldBe(1);
    }

    [Fact]
    public void The_wrong_number_of_bytes_is_refused() =>
        Should.Throw<ArgumentException>(() => Tensor.FromBytes(new byte[7], DType.Float32, [2])).Message
            .ShouldBe("7 bytes cannot fill Float32[2]");

    [Fact]
    public void A_tensor_made_from_host_values_is_a_copy()
    {
        float[] values = [1, 2];
        var tensor = Tensor.From(values);
        values[0] = 9;
        tensor.ToArray<float>().ShouldBe([1, 2]);
    }

    [Fact]
    public void A_span_reads_and_writes_the_tensor_itself()
    {
        var tensor = Tensor.Zeros([2]);
        tensor.Span<float>()[1] = 4;
        tensor.Sum().Item().ShouldBe(4);
    }

    [Fact]
    public void Converting_to_the_same_type_gives_a_second_handle_that_is_freed_on_its_own()
    {
        var x = Range(2);
        x.To(DType.Float32).Dispose();
        x.Contiguous().Dispose();
        x.ToArray<float>().ShouldBe([0, 1]);
    }

    [Fact]
    public void BitEquals_compares_shape_and_every_element()
    {
        Range(2, 3).BitEquals(Range(2, 3)).ShouldBeTrue();
        Range(2, 3).BitEquals(Range(3, 2)).ShouldBeFalse();
        Range(2, 3).BitEquals(Range(2, 3) + 1e-3).ShouldBeFalse();
    }

    [Fact]
    public void AllFinite_sees_one_bad_element()
    {
        Vector(1, 2).AllFinite().ShouldBeTrue();
        Vector(1, float.NaN).AllFinite().ShouldBeFalse();
        Vector(1, float.NegativeInfinity).AllFinite().ShouldBeFalse();
    }

    [Fact]
    public void A_tensor_of_many_dimensions_has_its_shape()
    {
        var shape = Enumerable.Repeat(1L, 20).ToArray();
        Vector(3).Reshape(shape).Shape.ShouldBe(shape);
        Vector(3).Reshape(shape).Size(-1).ShouldBe(1);
    }

    [Fact]
    public void Factories_make_what_they_say()
    {
        Tensor.Full([2], 7, DType.Int64).ToArray<long>().ShouldBe([7, 7]);
        Tensor.Eye(2).ToArray<float>().ShouldBe([1, 0, 0, 1]);
        Tensor.Arange(3).DType.ShouldBe(DType.Int64);
        Tensor.ZerosLike(Range(2).To(DType.BFloat16)).DType.ShouldBe(DType.BFloat16);
        Tensor.Rand([100]).ToArray<float>().ShouldAllBe(v => v >= 0 && v < 1);
    }
}
