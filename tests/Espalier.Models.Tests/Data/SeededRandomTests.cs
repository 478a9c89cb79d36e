namespace Espalier.Models.Tests.Data;

public class SeededRandomTests
{
    [Fact]
    public void Numbers_are_fixed_for_ever()
    {
        // xoshiro256** from the state 1, 2, 3, 4: the first numbers of the authors' reference code.
        var random = new SeededRandom(new RandomState(1, 2, 3, 4));
        new[] { random.NextUInt64(), random.NextUInt64(), random.NextUInt64(), random.NextUInt64() }
            .ShouldBe([11520UL, 0UL, 1509978240UL, 1215971899390074240UL]);
    }

    [Fact]
    public void Streams_differ_by_seed_key_and_order()
    {
        ulong[] first =
        [
            new SeededRandom(1).NextUInt64(), new SeededRandom(2).NextUInt64(), new SeededRandom(1, "a").NextUInt64(),
            new SeededRandom(1, "b").NextUInt64(), new SeededRandom(1, "a", 1).NextUInt64(), new SeededRandom(1, 1, "a").NextUInt64(),
            new SeededRandom(1, "a", 2).NextUInt64(), new SeededRandom(0).NextUInt64(),
        ];
        first.Distinct().Count().ShouldBe(first.Length);
        new SeededRandom(1, "a", 1).NextUInt64().ShouldBe(first[4]);
    }

    [Fact]
    public void The_state_continues_the_stream()
    {
        var random = new SeededRandom(3, "x");
        random.NextGaussian();
        var copy = new SeededRandom(random.State);
        copy.NextUInt64().ShouldBe(random.NextUInt64());
        Should.Throw<InputException>(() => new SeededRandom(default(RandomState)));
    }

    [Fact]
    public void Distributions_have_their_moments()
    {
        var random = new SeededRandom(4);
        const int n = 100_000;
        double sum = 0, squares = 0, uniform = 0;
        var counts = new int[7];
        for (var i = 0; i < n; i++)
        {
            var g = random.NextGaussian();
            sum += g;
            squares += g * g;
            uniform += random.NextDouble();
            counts[random.NextInt(7)]++;
        }
        (sum / n).ShouldBe(0, 0.02);
        (squares / n).ShouldBe(1, 0.03);
        (uniform / n).ShouldBe(0.5, 0.01);
        counts.ShouldAllBe(c => Math.Abs(c - n / 7) < 600);
        random.Permutation(100).Order().ShouldBe(Enumerable.Range(0, 100));
        random.Choose(10, 10).Order().ShouldBe(Enumerable.Range(0, 10));
        random.NextInt(5, 5).ShouldBe(5);
    }
}
