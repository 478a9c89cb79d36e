using System.Numerics;
using System.Text;

namespace Espalier.Models;

/// <summary>One part of a random stream's name: a word ("augment") or a number (epoch, block, sample).</summary>
public readonly record struct StreamKey(ulong Hash)
{
    public static implicit operator StreamKey(long value) => new(SeededRandom.Mix((ulong)value));

    public static implicit operator StreamKey(string text)
    {
        var hash = 0xCBF29CE484222325UL; // FNV-1a over UTF-8: the same on every machine, unlike string.GetHashCode
        foreach (var b in Encoding.UTF8.GetBytes(text)) hash = (hash ^ b) * 0x100000001B3UL;
        return new(SeededRandom.Mix(hash ^ 0x9E3779B97F4A7C15UL));
    }
}

/// <summary>The whole state of a <see cref="SeededRandom"/>, to be stored with a run and restored on resume.</summary>
public readonly record struct RandomState(ulong S0, ulong S1, ulong S2, ulong S3);

/// <summary>
/// A small deterministic generator: xoshiro256** (Blackman and Vigna), seeded by SplitMix64 from a seed and a list of keys.
/// Streams with different keys are independent of each other and of the order in which they are created or used, so work that
/// names its stream (seed, "augment", epoch, sample) gives the same result on any number of threads. One instance is not
/// thread-safe; make one per stream.
/// </summary>
public sealed class SeededRandom
{
    private ulong s0, s1, s2, s3;

    /// <summary>Opens the stream named by <paramref name="keys"/>; order matters, ("a", 1) is not (1, "a").</summary>
    public SeededRandom(ulong seed, params ReadOnlySpan<StreamKey> keys)
    {
        var x = Mix(seed + 0x9E3779B97F4A7C15UL);
        foreach (var key in keys) x = Mix(BitOperations.RotateLeft(x, 23) + 0x9E3779B97F4A7C15UL ^ key.Hash);
        s0 = Mix(x += 0x9E3779B97F4A7C15UL);
        s1 = Mix(x += 0x9E3779B97F4A7C15UL);
        s2 = Mix(x += 0x9E3779B97F4A7C15UL);
        s3 = Mix(x + 0x9E3779B97F4A7C15UL);
    }

    /// <summary>Continues from a stored state.</summary>
    /// <exception cref="InputException">The state is all zero, which no generator reaches.</exception>
    public SeededRandom(RandomState state)
    {
        if (state == default) throw new InputException("The stored random state is empty.");
        (s0, s1, s2, s3) = (state.S0, state.S1, state.S2, state.S3);
    }

    /// <summary>The state after the numbers drawn so far.</summary>
    public RandomState State => new(s0, s1, s2, s3);

    /// <summary>64 uniform bits.</summary>
    public ulong NextUInt64()
    {
        var result = BitOperations.RotateLeft(s1 * 5, 7) * 9;
        var t = s1 << 17;
        s2 ^= s0;
        s3 ^= s1;
        s1 ^= s2;
        s0 ^= s3;
        s2 ^= t;
        s3 = BitOperations.RotateLeft(s3, 45);
        return result;
    }

    /// <summary>Uniform in [0, <paramref name="bound"/>), without modulo bias (Lemire's method); bound ≥ 1.</summary>
    public int NextInt(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        var product = (NextUInt64() >> 32) * (ulong)bound;
        if ((uint)product < (uint)bound)
        {
            var threshold = (uint)-bound % (uint)bound;
            while ((uint)product < threshold) product = (NextUInt64() >> 32) * (ulong)bound;
        }
        return (int)(product >> 32);
    }

    /// <summary>Uniform in [<paramref name="low"/>, <paramref name="high"/>], both ends included.</summary>
    public int NextInt(int low, int high) => low + NextInt(checked(high - low + 1));

    /// <summary>Uniform in [0, 1), with 53 bits.</summary>
    public double NextDouble() => (NextUInt64() >> 11) * (1.0 / (1UL << 53));

    /// <summary>Uniform in [<paramref name="low"/>, <paramref name="high"/>).</summary>
    public double NextDouble(double low, double high) => low + (high - low) * NextDouble();

    /// <summary>True with the given probability in [0, 1].</summary>
    public bool NextBool(double probability = 0.5) => NextDouble() < probability;

    /// <summary>
    /// Standard normal by Box and Muller; two uniform numbers each, nothing kept back, so that the state stays four words.
    /// </summary>
    public double NextGaussian() =>
        Math.Sqrt(-2 * Math.Log(1 - NextDouble())) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Shuffles in place (Fisher and Yates); every order is equally likely.</summary>
    public void Shuffle<T>(Span<T> items)
    {
        for (var i = items.Length - 1; i > 0; i--)
        {
            var j = NextInt(i + 1);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>0 … <paramref name="count"/> − 1 in random order.</summary>
    public int[] Permutation(int count)
    {
        var items = new int[count];
        for (var i = 0; i < count; i++) items[i] = i;
        Shuffle(items.AsSpan());
        return items;
    }

    /// <summary>
    /// <paramref name="count"/> distinct numbers of 0 … <paramref name="total"/> − 1, in random order; count ≤ total.
    /// </summary>
    public int[] Choose(int total, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, total);
        return Permutation(total)[..count];
    }

    // SplitMix64's finaliser: a bijection of 64 bits in which every input bit reaches every output bit.
    internal static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
