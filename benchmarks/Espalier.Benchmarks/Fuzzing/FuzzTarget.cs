using Espalier.Models;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>A parser under fire.</summary>
/// <param name="Name">What it reads.</param>
/// <param name="Seeds">Good inputs to begin with.</param>
/// <param name="Change">Makes a bad one of a seed and, for splicing, another one.</param>
/// <param name="Read">Puts the input where the parser looks for it, and reads it to the last tensor or pixel.</param>
/// <param name="Path">What an error must name.</param>
internal sealed record FuzzTarget(
    string Name, IReadOnlyList<byte[]> Seeds, Func<byte[], byte[], SeededRandom, byte[]> Change, Action<byte[]> Read, string Path)
{
    /// <summary>Bytes that may be allocated whatever the input.</summary>
    public long FreeBytes { get; init; } = 4 << 20;

    /// <summary>Bytes that may be allocated for each byte of the input.</summary>
    public long BytesPerByte { get; init; } = 64;

    /// <summary>The input of that number: always the same one.</summary>
    public byte[] Input(long number)
    {
        var random = new SeededRandom(1, "fuzz", Name, number);
        return Change(Seeds[random.NextInt(Seeds.Count)], Seeds[random.NextInt(Seeds.Count)], random);
    }
}
