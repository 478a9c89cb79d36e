using System.Text.RegularExpressions;
using Espalier.Torch.Optim;

namespace Espalier.Torch.Tests.Native;

/// <summary>No exception of libtorch may cross the C boundary, where it would end the process: every exported function catches all of them.</summary>
public partial class DoorTests : TorchTest
{
    // What can throw nothing: they read a number or a text that is there.
    private static readonly HashSet<string> s_cannotThrow = ["esp_error", "esp_live_tensors", "esp_torch_version", "esp_init", "esp_trim", "esp_group_init", "esp_group_error"];

    [Theory]
    [InlineData("door.cpp", 14)]
    [InlineData("settings.cpp", 9)]
    [InlineData("group.cpp", 7)]
    public void Every_exported_function_is_guarded(string file, int more)
    {
        var source = Native(file);
        var functions = Exported().Matches(source).Select(m => (Name: m.Groups["name"].Value, Head: m.Groups["head"].Value, Body: m.Groups["body"].Value)).ToList();
        functions.Count.ShouldBe(Mark().Count(source), "every exported function is understood by this test");
        functions.Count.ShouldBeGreaterThan(more);
        foreach (var (name, head, body) in functions)
            if (s_cannotThrow.Contains(name)) head.ShouldContain("noexcept", customMessage: name);
            else body.ShouldContain("guarded([", customMessage: name);
        source.ShouldContain("#include \"boundary.h\"");
    }

    [Fact]
    public void What_guards_them_catches_everything()
    {
        var source = Native("boundary.h");
        source.ShouldContain("int32_t guarded(Body&& body) noexcept");
        Catch().Matches(source[source.IndexOf("guarded(Body&& body)", StringComparison.Ordinal)..]).ShouldContain(m => m.Value == "catch (...)");
    }

    [Fact]
    public void Every_way_to_fail_is_an_exception_of_ours_and_leaves_the_process_whole()
    {
        var x = Range(2, 3);
        var weight = Range(2);
        weight.RequiresGrad = true;
        Action[] failures =
        [
            () => new Operator("aten::no_such_operator").Call(x),
            () => new Operator("no namespace").Call(x),
            () => new Operator("aten::mm").Call(x, x),
            () => new Operator("aten::exp").Call(1),
            () => x.Reshape(5),
            () => Tensor.Zeros([-1]),
            () => Tensor.Zeros([long.MaxValue, long.MaxValue]),
            () => Tensor.Zeros([1L << 45]),
            () => x.To("cuda:7"),
            () => x.To("no such device"),
            () => x.Backward(),
            () => (weight * 2).Backward(),
            () => Autograd.Gradients(x.Sum(), [weight]),
            () => Tensor.Arange(3).RequiresGrad = true,
            () => weight.Grad = x,
            () => x.Transpose(0, 1).Span<float>().ToArray(),
            () => x.Narrow(0, 5, 1),
            () => Tensor.Cat([], 0),
            () => Functional.PackedAttention(x.Reshape(1, 2, 3), 1, 2, 1, 1),
            () => new Operator("espalier::attention").Call(x, 1, 1, 1, 1.0),
            () => new Operator("espalier::gelu").Call(x.To(DType.Float64)),
            () => Tensor.Cat([x, weight], 0),
            () => new Generator(1, "cuda:7"),
            () => new Generator(1, "no such device"),
            () => TorchRuntime.Threads = 0,
            () => TorchRuntime.Threads = -1,
        ];
        var before = Tensor.LiveCount;
        for (var k = 0; k < failures.Length; k++)
        {
            using var scope = new TensorScope();
            var error = Should.Throw<Exception>(failures[k], $"failure {k}");
            error.ShouldBeAssignableTo<Exception>();
            (error is TorchException or ArgumentException or InvalidOperationException).ShouldBeTrue($"failure {k}: {error}");
            error.Message.ShouldNotBeNullOrWhiteSpace();
        }
        Tensor.LiveCount.ShouldBe(before);
        (x + 1).Sum().Item().ShouldBe(21);
    }

    [Fact]
    public void Owners_of_tensors_say_that_they_were_disposed()
    {
        var parameter = Range(2);
        parameter.RequiresGrad = true;
        Optimizer[] optimizers = [new Sgd([parameter], 0.1), new Adam([parameter], 0.1), new AdamW([parameter], 0.1)];
        foreach (var optimizer in optimizers)
        {
            optimizer.Dispose();
            (parameter * parameter).Sum().Backward();
            Should.Throw<ObjectDisposedException>(optimizer.Step, optimizer.GetType().Name);
            Should.Throw<ObjectDisposedException>(() => optimizer.Restore([], 0));
        }
        var average = new ExponentialAverage([parameter], 0.9);
        average.Dispose();
        Should.Throw<ObjectDisposedException>(() => average.Update(1));
        Should.Throw<ObjectDisposedException>(average.CopyToParameters);

        var scope = new TensorScope();
        var inside = Range(2);
        scope.Dispose();
        Should.Throw<ObjectDisposedException>(() => scope.Keep(inside));
        Should.Throw<ObjectDisposedException>(() => inside.Item());
        scope.Dispose();
    }

    private static string Native(string file) => File.ReadAllText(Path.Combine(SharedData.Root, "native", file));

    [GeneratedRegex(@"^ESP_API (?<head>[^{;]*?(?<name>esp_\w+)\([^{]*)\{(?<body>.*?)(?=^\}|\}\n)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Exported();

    [GeneratedRegex("^ESP_API ", RegexOptions.Multiline)]
    private static partial Regex Mark();

    [GeneratedRegex(@"catch \([^)]*\)")]
    private static partial Regex Catch();
}
