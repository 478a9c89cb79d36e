namespace Espalier.Torch.Tests;

/// <summary>Every kind of argument and result that crosses the door, each through an operator whose answer is known.</summary>
public class OperatorTests : TorchTest
{
    private static Tensor Call(string name, string overload, params Arg[] args) => new Operator(name, overload).Call(args);

    [Fact]
    public void An_int_list_is_passed_in_order() =>
        Call("aten::permute", "", Range(2, 3, 4), new long[] { 2, 0, 1 }).Shape.ShouldBe([4, 2, 3]);

    [Fact]
    public void An_empty_int_list_is_passed() => Call("aten::reshape", "", Range(1), Array.Empty<long>()).Shape.ShouldBe([]);

    [Fact]
    public void One_int_fills_an_int_list_of_fixed_length() =>
        Call("aten::max_pool2d", "", Range(1, 1, 4, 6), 2).Shape.ShouldBe([1, 1, 2, 3]);

    [Fact]
    public void Defaults_come_from_the_schema() =>
        Call("aten::conv2d", "", Range(1, 1, 4, 4), Tensor.Ones([1, 1, 2, 2]), Arg.Default, 2).ToArray<float>()
            .ShouldBe([10, 18, 42, 50]);

    [Fact]
    public void A_bool_list_masks_results_and_an_undefined_result_is_null()
    {
        var x = Range(2, 3);
        var forward = new Operator("aten::native_layer_norm").CallMany(x, new long[] { 3 }, Tensor.Ones([3]),
            Tensor.Zeros([3]), 1e-5);
        var backward = new Operator("aten::native_layer_norm_backward").CallMany(Tensor.Ones([2, 3]), x, new long[] { 3 },
            forward[1], forward[2], Tensor.Ones([3]), Tensor.Zeros([3]), new[] { true, false, true });
        backward.Select(t => t is null).ShouldBe([false, true, false]);
        backward[2]!.ToArray<float>().ShouldBe([2, 2, 2]);
    }

    [Fact]
    public void A_list_of_optional_tensors_may_hold_none()
    {
        var columns = Call("aten::index", "Tensor", Range(2, 3), new Tensor?[] { null, Tensor.From<long>([2, 0]) });
        columns.ToArray<float>().ShouldBe([2, 0, 5, 3]);
    }

    [Fact]
    public void An_optional_tensor_may_be_none() =>
        Call("aten::linear", "", Range(1, 2), Tensor.Ones([1, 2]), Arg.None).ToArray<float>().ShouldBe([1]);

    [Fact]
    public void A_whole_number_keeps_an_integer_tensor_integral()
    {
        var x = Tensor.Arange(2);
        Call("aten::add", "Scalar", x, 2).DType.ShouldBe(DType.Int64);
        Call("aten::add", "Scalar", x, 2.0).DType.ShouldBe(DType.Float32);
        Call("aten::full", "", new long[] { 2 }, true).DType.ShouldBe(DType.Bool);
    }

    [Fact]
    public void A_string_and_a_string_default_are_passed()
    {
        var exact = Call("aten::gelu", "", Vector(1)).Item();
        var tanh = Call("aten::gelu", "", Vector(1), "tanh").Item();
        exact.ShouldBe(0.841345, 1e-5);
        tanh.ShouldBe(0.841192, 1e-5);
        Call("aten::einsum", "", "ij,kj->ik", new Tensor?[] { Range(2, 3), Range(2, 3) }).ToArray<float>()
            .ShouldBe([5, 14, 14, 50]);
    }

    [Fact]
    public void A_long_string_is_passed_whole()
    {
        var rows = string.Join(',', Enumerable.Repeat("ab", 400)) + "->ab";
        Call("aten::einsum", "", rows, Enumerable.Repeat<Tensor?>(Tensor.Ones([1, 1]), 400).ToArray()).Item().ShouldBe(1);
    }

    [Fact]
    public void A_device_is_a_string() =>
        Call("aten::zeros", "", new long[] { 2 }, DType.Int32, Arg.None, "cpu").Device.ShouldBe("cpu");

    [Fact]
    public void An_element_type_is_an_optional_argument() =>
        Call("aten::sum", "", Range(3), DType.Float64).DType.ShouldBe(DType.Float64);

    [Fact]
    public void A_float_argument_accepts_a_whole_number() => Call("aten::dropout", "", Vector(3), 0, true).Item().ShouldBe(3);

    [Fact]
    public void A_float_list_is_passed() =>
        Call("aten::upsample_nearest2d", "vec", Range(1, 1, 2, 2), Arg.None, new[] { 2.0, 1.0 }).Shape.ShouldBe([1, 1, 4, 2]);

    [Fact]
    public void A_list_of_scalars_may_be_integral_or_not()
    {
        Tensor[] list = [Vector(1), Vector(1)];
        new Operator("aten::_foreach_mul_", "ScalarList").Run(list, new long[] { 2, 3 });
        new Operator("aten::_foreach_mul_", "ScalarList").Run(list, new[] { 0.5, 2 });
        list.Select(t => t.Item()).ShouldBe([1, 6]);
    }

    [Fact]
    public void A_list_argument_longer_than_the_stack_buffer_is_copied_whole()
    {
        var sizes = Enumerable.Repeat(1L, 300).ToArray();
        var parts = new Operator("aten::split_with_sizes").CallMany(Range(300), sizes, 0);
        parts.Length.ShouldBe(300);
        parts[299]!.Item().ShouldBe(299);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(70)]
    [InlineData(151)]
    public void A_result_list_may_have_any_length(int count)
    {
        var list = Enumerable.Range(0, count).Select(k => Vector(k * k)).ToArray();
        var roots = new Operator("aten::_foreach_sqrt").CallMany((Arg)list);
        roots.Select(t => t!.Item()).ShouldBe(Enumerable.Range(0, count).Select(k => (double)k));
    }

    [Fact]
    public void Several_results_come_in_the_schema_order()
    {
        var svd = new Operator("aten::linalg_svd").CallMany(Range(3, 2), false);
        svd.Select(t => t!.Shape.Length).ShouldBe([2, 1, 2]);
        var (values, indices) = Vector(1, 5, 3).TopK(2);
        values.ToArray<float>().ShouldBe([5, 3]);
        indices.ToArray<long>().ShouldBe([1, 2]);
    }

    [Fact]
    public void Numbers_are_returned_as_numbers()
    {
        new Operator("aten::size", "int").CallNumber(Range(2, 3), 1).ShouldBe(3);
        new Operator("aten::equal").CallNumber(Range(2), Range(2)).ShouldBe(1);
        new Operator("aten::item").CallNumber(Vector(0.5f)).ShouldBe(0.5);
    }

    [Fact]
    public void Call_keeps_the_first_of_several_results() =>
        Call("aten::linalg_svd", "", Range(3, 2), false).Shape.ShouldBe([3, 2]);

    [Fact]
    public void Random_operators_take_the_default_generator() => Call("aten::randperm", "", 5).Sum().Item().ShouldBe(10);

    [Fact]
    public void A_batch_norm_of_one_value_goes_by_the_running_statistics_and_leaves_them()
    {
        var (mean, variance) = (Tensor.From<float>([1, 2], 2), Tensor.From<float>([4, 9], 2));
        var one = Tensor.From<float>([5, 5], 1, 2, 1, 1);
        one.BatchNorm(Tensor.Ones([2]), Tensor.Zeros([2]), mean, variance, training: true, momentum: 0.1, eps: 0).ToArray<float>().ShouldBe([2, 1], 1e-6);
        mean.ToArray<float>().ShouldBe([1, 2]);
        variance.ToArray<float>().ShouldBe([4, 9]);
        // Of two values there is a variance.
        Tensor.Cat([one, one * 3], 0).BatchNorm(Tensor.Ones([2]), Tensor.Zeros([2]), mean, variance, training: true, momentum: 0.5, eps: 0).ToArray<float>().ShouldBe([-1, -1, 1, 1], 1e-6);
        mean.ToArray<float>().ShouldBe([5.5f, 6], 1e-6);
        variance.ToArray<float>().ShouldBe([27, 29.5f], 1e-5);
    }

    [Fact]
    public void Exists_tells_what_this_libtorch_has()
    {
        new Operator("aten::add", "Tensor").Exists.ShouldBeTrue();
        new Operator("aten::add", "Sideways").Exists.ShouldBeFalse();
    }
}
