namespace Espalier.Torch.Tests;

/// <summary>What a refused call says, and that it leaves nothing behind.</summary>
public class OperatorErrorTests : TorchTest
{
    private static string Refused(Action body) => Should.Throw<TorchException>(body).Message;

    [Fact]
    public void A_bad_shape_names_the_operator_and_the_shapes() =>
        Refused(() => new Operator("aten::mm").Call(Range(2, 3), Range(2, 3)))
            .ShouldBe("aten::mm(Float32[2, 3], Float32[2, 3]): mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)");

    [Fact]
    public void A_bad_view_is_reported_although_libtorch_throws_a_foreign_type() =>
        Refused(() => Range(2, 3).Reshape(4, 2))
            .ShouldBe("aten::reshape(Float32[2, 3], [4, 2]): shape '[4, 2]' is invalid for input of size 6");

    [Fact]
    public void A_bad_element_type_names_the_types() =>
        Refused(() => new Operator("aten::mm").Call(Range(2, 2), Range(2, 2).To(DType.Float64)))
            .ShouldStartWith("aten::mm(Float32[2, 2], Float64[2, 2]): ");

    [Fact]
    public void An_unknown_overload_is_named() =>
        Refused(() => new Operator("aten::add", "Sideways").Call(Range(1))).ShouldContain("aten::add.Sideways");

    [Fact]
    public void An_argument_of_the_wrong_kind_names_the_argument() =>
        Refused(() => new Operator("aten::softmax", "int").Call(Range(2), 0.5)).ShouldContain("argument 'dim' wants int");

    [Fact]
    public void A_fraction_as_factor_of_integers_is_refused() =>
        Refused(() => new Operator("aten::add", "Tensor").Call(Tensor.Arange(2), Tensor.Arange(2), 0.5)).ShouldContain("alpha");

    [Fact]
    public void A_missing_argument_is_named() =>
        Refused(() => new Operator("aten::mm").Call(Range(2, 2))).ShouldContain("argument 'mat2' is missing");

    [Fact]
    public void Too_many_arguments_are_refused() =>
        Refused(() => new Operator("aten::exp").Call(Range(1), 1, 2)).ShouldContain("takes 1 arguments, not 3");

    [Fact]
    public void Lists_are_shown_with_their_contents()
    {
        var list = Enumerable.Repeat(Range(2), 6).Append(Range(1, 1)).ToArray();
        var message = Refused(() => new Operator("aten::cat").Call(list, 0));
        message.ShouldStartWith("aten::cat([Float32[2], Float32[2], Float32[2], Float32[2], … 7 in all], 0): ");
        ((Arg)new[] { 0.5, 1 }).ToString().ShouldBe("[0.5, 1]");
        ((Arg)new[] { true, false }).ToString().ShouldBe("[true, false]");
        ((Arg)"tanh").ToString().ShouldBe("\"tanh\"");
    }

    [Fact]
    public void An_operator_without_a_tensor_result_cannot_be_called_for_one() =>
        Refused(() => new Operator("aten::size", "int").Call(Range(2, 3), 0)).ShouldBe("aten::size.int returned no tensor");

    [Fact]
    public void A_tensor_result_is_no_number_and_is_freed()
    {
        var x = Range(4);
        var before = Tensor.LiveCount;
        Refused(() => new Operator("aten::exp").CallNumber(x)).ShouldBe("aten::exp returned no number");
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void A_failing_call_leaves_no_reference_behind()
    {
        var x = Range(2, 3);
        var before = Tensor.LiveCount;
        for (var k = 0; k < 10; k++) Refused(() => x.MatMul(x));
        Tensor.LiveCount.ShouldBe(before);
        x.Dispose();
        Tensor.LiveCount.ShouldBe(before - 1);
    }

    [Fact]
    public void A_disposed_tensor_is_refused_before_the_call_and_its_neighbours_stay_whole()
    {
        var (good, gone) = (Range(1), Range(1));
        gone.Dispose();
        Should.Throw<ObjectDisposedException>(() => gone.Shape);
        Should.Throw<ObjectDisposedException>(() => good + gone);
        Should.Throw<ObjectDisposedException>(() => Tensor.Cat([good, gone], 0));
        gone.Describe().ShouldBe("disposed");
        var before = Tensor.LiveCount;
        good.Dispose(); // frees at once: the refused calls gave their references back
        Tensor.LiveCount.ShouldBe(before - 1);
    }

    [Fact]
    public void A_span_of_another_type_is_refused() =>
        Should.Throw<InvalidOperationException>(() => Range(2).Span<double>().ToArray()).Message
            .ShouldBe("Float32[2] is not a tensor of Double");

    [Fact]
    public void A_span_needs_contiguous_memory() =>
        Refused(() => Range(2, 3).Transpose(0, 1).Span<float>().ToArray()).ShouldContain("contiguous");

    [Fact]
    public void A_gradient_of_another_shape_is_refused() =>
        Refused(() => Range(2).Grad = Range(3)).ShouldContain("a gradient of shape [3] does not fit a tensor of shape [2]");

    [Fact]
    public void An_integer_tensor_cannot_require_a_gradient() =>
        Refused(() => Tensor.Arange(2).RequiresGrad = true).ShouldContain("floating point");

    [Fact]
    public void An_impossible_allocation_is_an_error_of_its_own_and_the_process_goes_on()
    {
        Should.Throw<TorchOutOfMemoryException>(() => Tensor.Zeros([1L << 46]));
        Range(2).Sum().Item().ShouldBe(1);
    }
}
