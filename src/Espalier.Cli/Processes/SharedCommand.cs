using System.Diagnostics;
using System.Globalization;
using Espalier.Torch.Distributed;

namespace Espalier.Cli.Processes;

/// <summary>A command that several processes carry out together: how they come together, and how all of them end when one is lost.</summary>
internal sealed class SharedCommand : IDisposable
{
    // Work that is not between two steps by then is not waited for: what is needed to resume is on the disk.
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_verdict = TimeSpan.FromSeconds(3);
    private readonly CancellationTokenSource _stop;
    private readonly Invocation _invocation;
    private readonly LocalProcesses? _local;
    private readonly ManualResetEventSlim _joined = new();
    private readonly ManualResetEventSlim _over = new();
    private volatile string? _lost;

    private SharedCommand(int? count, GroupMember? member, IEnumerable<string> arguments, Invocation invocation)
    {
        _invocation = invocation;
        _stop = CancellationTokenSource.CreateLinkedTokenSource(invocation.Asked);
        try
        {
            if (member is null)
            {
                _local = LocalProcesses.Start(count!.Value, arguments, () => { if (!_joined.IsSet) _stop.Cancel(); });
                member = _local.First;
            }
            else if (Environment.GetEnvironmentVariable(LocalProcesses.Mark) is { Length: > 0 } starter)
                new Thread(() => EndWith(starter)) { IsBackground = true, Name = "watch of the starter" }.Start();
            Group = ProcessGroup.Join(member, new GroupOptions { OnLost = EndSoon, Cancellation = _stop.Token });
            _joined.Set();
        }
        catch (Exception failure)
        {
            Dispose();
            // A signal breaks off the call that waits, and may be told of a moment later.
            if (invocation.Asked.WaitHandle.WaitOne(s_glance)) throw new OperationCanceledException(invocation.Cancelled, failure);
            if (failure is OperationCanceledException)
                throw new FailureException("A process that was started here ended at once; its own message says why.", failure);
            throw;
        }
    }

    public ProcessGroup Group { get; } = null!;

    /// <summary>Cancelled by the user, or because a process was lost.</summary>
    public CancellationToken Cancellation => _stop.Token;

    /// <summary>Whether the process that started this one failed, too, and so says all there is to say.</summary>
    public bool IsQuiet => !Group.IsFirst && IsChild && Group.Lost.Wait(s_verdict) && Group.FirstFailed;

    /// <summary>Whether the environment says that several processes were started.</summary>
    public static bool IsStarted => Environment.GetEnvironmentVariable("RANK") is { Length: > 0 };

    private static bool IsChild => Environment.GetEnvironmentVariable(LocalProcesses.Mark) is { Length: > 0 };

    /// <summary>Meets the other processes, or starts them; null when this one is alone.</summary>
    /// <param name="count"><c>--nproc</c>.</param>
    /// <param name="arguments">What was typed after the program's name.</param>
    /// <param name="invocation">The program at work.</param>
    /// <exception cref="UsageException">The environment describes a group, but not well, or <c>--nproc</c> asks for another.</exception>
    public static SharedCommand? Start(int? count, IEnumerable<string> arguments, Invocation invocation)
    {
        GroupMember? member;
        try
        {
            member = GroupMember.FromVariables(Environment.GetEnvironmentVariable);
        }
        catch (ArgumentException fault)
        {
            throw new UsageException(fault.Message, fault);
        }
        if (member is not null && count is not null && !IsChild)
            throw new UsageException("--nproc starts processes of its own, but RANK and WORLD_SIZE say that they were started already; leave out one of the two.");
        return member is null && count is null or 1 ? null : new SharedCommand(count, member, arguments, invocation);
    }

    /// <summary>What an error of the work means, now that a process may be gone.</summary>
    public Exception Explain(Exception error) => error switch
    {
        LostProcessException => new FailureException($"{error.Message}{_invocation.Advice}", error),
        OperationCanceledException when _lost is { } lost => new FailureException($"{lost}{_invocation.Advice}", error),
        _ => error,
    };

    public void Dispose()
    {
        _over.Set();
        Group?.Dispose();
        _local?.Dispose();
    }

    // While the processes meet, nothing else would tell that the one that started them is gone.
    private void EndWith(string starter)
    {
        try
        {
            using var process = Process.GetProcessById(int.Parse(starter, CultureInfo.InvariantCulture));
            while (!_joined.Wait(s_glance))
                if (process.HasExited) LateExit.Leave(ExitCodes.Failure);
        }
        catch (ArgumentException)
        {
            LateExit.Leave(ExitCodes.Failure);
        }
    }

    private void EndSoon(string lost)
    {
        _lost = lost;
        _stop.Cancel();
        if (_over.Wait(s_grace)) return;
        if (!IsQuiet)
        {
            _invocation.Streams.Error.WriteLine($"espalier: {lost}{_invocation.Advice}");
            _invocation.Streams.Error.Flush();
        }
        // The main thread may sit in native code, which an orderly exit would wait for.
        LateExit.Leave(ExitCodes.Failure);
    }
}
