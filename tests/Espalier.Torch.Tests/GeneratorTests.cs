using System.Globalization;
using Espalier.Testing;

namespace Espalier.Torch.Tests;

public class GeneratorTests : TorchTest
{
    [Theory]
    [InlineData(0UL)]
    [InlineData(1234UL)]
    [InlineData(ulong.MaxValue)]
    public void It_gives_the_numbers_of_the_process_wide_one_after_the_same_seed(ulong seed)
    {
        TorchRuntime.Seed(seed);
        var expected = Draws(null);
        using var generator = new Generator(seed);
        Draws(generator).ShouldBe(expected);
        Draws(generator).ShouldNotBe(expected);
    }

    [SkippableFact]
    public void It_gives_the_numbers_of_PyTorchs()
    {
        var expected = PythonOracle.Run("""
            import torch
            g = torch.Generator().manual_seed(1234)
            for t in (torch.randn(20, generator=g), torch.rand(5, generator=g), torch.empty(5).uniform_(-2, 3, generator=g), torch.randn(3, generator=g),
                      torch.multinomial(torch.tensor([[1., 2, 3], [3, 2, 1]]), 4, True, generator=g).flatten()):
                print(' '.join(repr(v) for v in t.double().tolist()))
            """, ["torch"]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        using var generator = new Generator(1234);
        Draws(generator).ShouldBe(expected.Select(v => double.Parse(v, CultureInfo.InvariantCulture)));
    }

    [Fact]
    public void Streams_do_not_touch_each_other_nor_the_programs_own()
    {
        var (wanted, first, second) = (Sequence(3), Sequence(4), Sequence(5));
        TorchRuntime.Seed(3);
        using Generator a = new(4), b = new(5);
        for (var k = 0; k < 4; k++)
        {
            Tensor.RandN([7], a).ToArray<float>().ShouldBe(first[k]);
            Tensor.RandN([7]).ToArray<float>().ShouldBe(wanted[k]);
            Tensor.RandN([7], b).ToArray<float>().ShouldBe(second[k]);
        }

        static float[][] Sequence(ulong seed)
        {
            TorchRuntime.Seed(seed);
            return [.. Enumerable.Range(0, 4).Select(_ => Tensor.RandN([7]).ToArray<float>())];
        }
    }

    [Fact]
    public void One_that_was_disposed_and_one_where_none_belongs_are_refused()
    {
        using var generator = new Generator(1);
        generator.Device.ShouldBe("cpu");
        Should.Throw<TorchException>(() => new Operator("aten::exp").Call(generator)).Message.ShouldStartWith("aten::exp(a generator for cpu): ");
        Should.Throw<TorchException>(() => new Operator("aten::uniform_").Run(Range(3), 0.0, 1.0, 7)).Message.ShouldContain("Generator");
        Should.Throw<TorchException>(() => new Generator(1, "cuda:7")).Message.ShouldStartWith("a generator for cuda:7: ");
        generator.Dispose();
        Should.Throw<ObjectDisposedException>(() => Tensor.RandN([3], generator));
    }

    // With every operator that draws, in sizes with and without vectors.
    private static List<double> Draws(Generator? generator)
    {
        var values = Tensor.RandN([20], generator).ToArray<double>().Concat(Tensor.Rand([5], generator).ToArray<double>()).ToList();
        var uniform = Tensor.Zeros([5]);
        uniform.UniformInPlace(-2, 3, generator);
        values.AddRange(uniform.ToArray<double>());
        values.AddRange(Tensor.RandN([3], generator).ToArray<double>());
        values.AddRange(Tensor.From<float>([1, 2, 3, 3, 2, 1], [2, 3]).Multinomial(4, generator).ToArray<double>());
        return values;
    }
}
