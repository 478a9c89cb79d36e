using System.Globalization;

namespace Espalier.Torch.Distributed;

/// <summary>One process among several that work on the same thing, and where they meet.</summary>
/// <param name="Rank">Its number, from 0; the first one keeps the files.</param>
/// <param name="Size">How many there are.</param>
/// <param name="Address">Host of the first one, as the others reach it.</param>
/// <param name="Port">Where the first one listens.</param>
public sealed record GroupMember(int Rank, int Size, string Address, int Port)
{
    /// <summary>Its number among those on its machine.</summary>
    public int LocalRank { get; init; }

    /// <summary>How many of them are on its machine; they share its processors.</summary>
    public int LocalSize { get; init; } = 1;

    /// <summary>The network interface to use; null takes the one the first process is reached by.</summary>
    public string? Interface { get; init; }

    /// <summary>
    /// The process as torchrun, Kubeflow and others describe it: <c>RANK</c>, <c>WORLD_SIZE</c>, <c>MASTER_ADDR</c> and <c>MASTER_PORT</c>, and, where
    /// they are set, <c>LOCAL_RANK</c>, <c>LOCAL_WORLD_SIZE</c> and <c>GLOO_SOCKET_IFNAME</c>.
    /// </summary>
    /// <param name="variable">The value of an environment variable; null or empty when it is not set.</param>
    /// <returns>Null when it works alone: none of the first two is set, or the size is 1.</returns>
    /// <exception cref="ArgumentException">Some are missing or make no sense; the message lists all of them.</exception>
    public static GroupMember? FromVariables(Func<string, string?> variable)
    {
        string? Get(string name) => variable(name) is { Length: > 0 } value ? value : null;
        if (Get("RANK") is null && Get("WORLD_SIZE") is null) return null;
        List<string> faults = [];
        var (size, rank) = (Number("WORLD_SIZE", null, 1, 1 << 16), Number("RANK", null, 0, (1 << 16) - 1));
        if (size == 1 && faults.Count == 0) return null;
        var (address, port) = (Get("MASTER_ADDR"), Number("MASTER_PORT", null, 1, 65534));
        if (address is null) faults.Add("MASTER_ADDR is not set");
        var (localRank, localSize) = (Number("LOCAL_RANK", 0, 0, 1 << 16), Number("LOCAL_WORLD_SIZE", 1, 1, 1 << 16));
        if (faults.Count == 0 && rank >= size) faults.Add($"RANK={rank} must be below WORLD_SIZE={size}");
        if (faults.Count > 0)
            throw new ArgumentException($"The environment describes a group of processes, but {string.Join("; ", faults)}. Set them as torchrun does, or unset RANK and WORLD_SIZE.");
        // torchrun keeps its own meeting place on that port.
        if (Get("TORCHELASTIC_USE_AGENT_STORE") is "True") port++;
        return new GroupMember(rank, size, address!, port) { LocalRank = localRank, LocalSize = localSize, Interface = Get("GLOO_SOCKET_IFNAME") };

        int Number(string name, int? otherwise, int least, int most)
        {
            if (Get(name) is not { } text)
            {
                if (otherwise is null) faults.Add($"{name} is not set");
                return otherwise ?? least;
            }
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most) return number;
            faults.Add($"{name}={text} is not a number from {least} to {most}");
            return least;
        }
    }
}
