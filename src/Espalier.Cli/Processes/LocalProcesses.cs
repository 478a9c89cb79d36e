using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Espalier.Torch.Distributed;

namespace Espalier.Cli.Processes;

/// <summary><c>--nproc</c>: this command line once more, in other processes on this machine. This process is the first one.</summary>
internal sealed class LocalProcesses : IDisposable
{
    /// <summary>Set in the processes that were started here.</summary>
    internal const string Mark = "ESPALIER_STARTED_BY";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private readonly List<Process> _processes = [];

    private LocalProcesses(int count) => First = new GroupMember(0, count, "127.0.0.1", FreePort()) { LocalSize = count };

    /// <summary>This process.</summary>
    internal GroupMember First { get; }

    /// <summary>Starts the others.</summary>
    /// <param name="count">Processes, this one included.</param>
    /// <param name="arguments">What was typed after the program's name.</param>
    /// <param name="onEnd">Told when one of them ends.</param>
    internal static LocalProcesses Start(int count, IEnumerable<string> arguments, Action onEnd)
    {
        var all = new LocalProcesses(count);
        for (var rank = 1; rank < count; rank++)
        {
            var process = new Process { StartInfo = Line(arguments, all.First with { Rank = rank, LocalRank = rank }), EnableRaisingEvents = true };
            process.Exited += (_, _) => onEnd();
            process.Start();
            all._processes.Add(process);
        }
        return all;
    }

    /// <summary>Waits for the others: they end by themselves when this process is done, or has failed.</summary>
    public void Dispose()
    {
        foreach (var process in _processes)
        {
            if (!process.WaitForExit(s_patience)) process.Kill();
            process.Dispose();
        }
    }

    private static ProcessStartInfo Line(IEnumerable<string> arguments, GroupMember member)
    {
        // The program is either an executable of its own or a library that dotnet runs.
        var program = Environment.ProcessPath!;
        var isHost = Path.GetFileNameWithoutExtension(program) == "dotnet";
        var line = new ProcessStartInfo(program, isHost ? [typeof(LocalProcesses).Assembly.Location, .. arguments] : arguments) { UseShellExecute = false };
        var variables = line.Environment;
        variables[Mark] = Number(Environment.ProcessId);
        variables["RANK"] = Number(member.Rank);
        variables["WORLD_SIZE"] = Number(member.Size);
        variables["LOCAL_RANK"] = Number(member.LocalRank);
        variables["LOCAL_WORLD_SIZE"] = Number(member.LocalSize);
        variables["MASTER_ADDR"] = member.Address;
        variables["MASTER_PORT"] = Number(member.Port);
        return line;
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
