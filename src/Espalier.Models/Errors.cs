using System.Collections.Immutable;

namespace Espalier;

/// <summary>An error a user can act on. The message says what is wrong, where (file, tensor, shape) and what to do, in one line.</summary>
public abstract class EspalierException(string message, Exception? inner = null) : Exception(Clipped(message), inner)
{
    private const int Longest = 2000, Tail = 200;

    /// <summary>
    /// The settings it is about, by the names the library has for them (<c>BatchSize</c>). The message says it in words; a program that calls them
    /// otherwise can tell its user what.
    /// </summary>
    public ImmutableArray<string> Settings { get; init; } = [];

    // A name in a file may have megabytes.
    private static string Clipped(string message) => message.Length <= Longest ? message : $"{message[..(Longest - Tail)]} ... {message[^Tail..]}";
}

/// <summary>Conflicting or impossible options, or output that already exists.</summary>
public sealed class UsageException(string message, Exception? inner = null) : EspalierException(message, inner);

/// <summary>An input is missing, empty, unreadable or invalid.</summary>
public sealed class InputException(string message, Exception? inner = null) : EspalierException(message, inner);

/// <summary>The budget cannot be met; the message gives the reachable range.</summary>
public sealed class BudgetException(string message, Exception? inner = null) : EspalierException(message, inner);

/// <summary>What was written, or what was computed, failed its check.</summary>
public sealed class VerificationException(string message, Exception? inner = null) : EspalierException(message, inner);

/// <summary>Work could not be finished: unwritable output, full disk, NaN loss, out of memory, a lost process.</summary>
public sealed class FailureException(string message, Exception? inner = null) : EspalierException(message, inner);
