using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Espalier.Torch.Distributed;

/// <summary>
/// Notices when a process of the group is gone. The first process has a connection to every other one; each end sends a byte now and then. A
/// connection that closes or falls silent without a goodbye is a lost process. As the first process ends when it loses one, its other connections
/// close, and so all learn of it. A process that fails says so: its own message tells more.
/// </summary>
internal sealed class Watch : IDisposable
{
    private const byte Beat = 1, Goodbye = 2, Failed = 3;
    private const int SecretBytes = 16, HelloBytes = SecretBytes + sizeof(int);
    private static readonly TimeSpan s_glance = TimeSpan.FromMilliseconds(200);
    private readonly (Socket Socket, int Rank)[] _lines;
    private readonly TimeSpan _silence;
    private readonly int _size;
    private readonly Timer _beats;
    private readonly TaskCompletionSource<string> _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _leaving;

    private readonly Action<string>? _onLost;

    private Watch((Socket, int)[] lines, int size, IPAddress local, GroupOptions options)
    {
        (_lines, _size, Local, _silence, _onLost) = (lines, size, local, options.Silence, options.OnLost);
        foreach (var line in _lines)
        {
            line.Socket.NoDelay = true;
            // The first process says nothing before all have come.
            line.Socket.ReceiveTimeout = (int)(options.Meeting + options.Silence).TotalMilliseconds;
            line.Socket.SendTimeout = (int)options.Silence.TotalMilliseconds;
            new Thread(() => Listen(line)) { IsBackground = true, Name = $"watch of process {line.Rank}" }.Start();
        }
        _beats = new Timer(_ => Send(Beat), null, TimeSpan.Zero, options.Silence / 6);
    }

    /// <summary>This machine's address as the others see it.</summary>
    internal IPAddress Local { get; }

    /// <summary>Done when a process was lost, with what happened.</summary>
    internal Task<string> Lost => _lost.Task;

    /// <summary>Whether it is the first process that was lost, and it said that it failed.</summary>
    internal bool FirstFailed { get; private set; }

    /// <summary>The first process: waits for all others.</summary>
    /// <param name="size">Processes.</param>
    /// <param name="publish">Told where the others shall connect to, before waiting for them.</param>
    /// <param name="options">Times.</param>
    internal static Watch Host(int size, Action<string> publish, GroupOptions options)
    {
        var secret = RandomNumberGenerator.GetBytes(SecretBytes);
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(listener.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any, 0));
        listener.Listen(size);
        publish($"{((IPEndPoint)listener.LocalEndPoint!).Port} {Convert.ToHexString(secret)}");
        var lines = new List<(Socket, int)>();
        var begun = Stopwatch.GetTimestamp();
        try
        {
            while (lines.Count < size - 1)
            {
                options.Cancellation.ThrowIfCancellationRequested();
                if (Stopwatch.GetElapsedTime(begun) > options.Meeting)
                    throw new LostProcessException($"Only {lines.Count + 1} of {size} processes came within {options.Meeting.TotalSeconds:0} seconds; check that all were started and reach this machine.");
                if (!listener.Poll(s_glance, SelectMode.SelectRead)) continue;
                var line = listener.Accept();
                if (Hello(line, secret, options.Silence) is { } rank && rank > 0 && rank < size && lines.All(l => l.Item2 != rank)) lines.Add((line, rank));
                else line.Dispose();
            }
            return new Watch([.. lines], size, ((IPEndPoint)lines[0].Item1.LocalEndPoint!).Address, options);
        }
        catch
        {
            // Who came learns at once that nothing comes of it.
            foreach (var (line, _) in lines) line.Dispose();
            throw;
        }
    }

    /// <summary>Any other process: connects to the first one.</summary>
    internal static Watch Join(GroupMember member, string published, GroupOptions options)
    {
        var parts = published.Split(' ');
        var line = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            line.Connect(member.Address, int.Parse(parts[0], System.Globalization.CultureInfo.InvariantCulture));
            var hello = new byte[HelloBytes];
            Convert.FromHexString(parts[1]).CopyTo(hello, 0);
            BinaryPrimitives.WriteInt32LittleEndian(hello.AsSpan(SecretBytes), member.Rank);
            line.Send(hello);
            return new Watch([(line, 0)], member.Size, ((IPEndPoint)line.LocalEndPoint!).Address, options);
        }
        catch (SocketException error)
        {
            line.Dispose();
            throw new LostProcessException($"Process {member.Rank} cannot reach the first one at {member.Address}, port {parts[0]}: {error.Message}.", error);
        }
    }

    /// <summary>Tells the others that this process ends because all is done.</summary>
    internal void Leave()
    {
        _leaving = true;
        Send(Goodbye);
    }

    public void Dispose()
    {
        if (!_leaving) Send(Failed);
        _leaving = true;
        _beats.Dispose();
        foreach (var (socket, _) in _lines) socket.Dispose();
    }

    private static int? Hello(Socket line, byte[] secret, TimeSpan patience)
    {
        var hello = new byte[HelloBytes];
        line.ReceiveTimeout = (int)patience.TotalMilliseconds;
        try
        {
            for (var read = 0; read < hello.Length;)
            {
                var more = line.Receive(hello.AsSpan(read));
                if (more == 0) return null;
                read += more;
            }
        }
        catch (SocketException)
        {
            return null; // a stranger
        }
        return CryptographicOperations.FixedTimeEquals(hello.AsSpan(0, SecretBytes), secret) ? BinaryPrimitives.ReadInt32LittleEndian(hello.AsSpan(SecretBytes)) : null;
    }

    private void Listen((Socket Socket, int Rank) line)
    {
        var bytes = new byte[64];
        string reason;
        try
        {
            while (true)
            {
                var read = line.Socket.Receive(bytes);
                if (bytes.AsSpan(0, read).Contains(Goodbye)) return;
                if (bytes.AsSpan(0, read).Contains(Failed))
                {
                    FirstFailed = line.Rank == 0;
                    Lose($"Process {line.Rank} of {_size} failed; its own message says why.");
                    return;
                }
                line.Socket.ReceiveTimeout = (int)_silence.TotalMilliseconds;
                if (read > 0) continue;
                reason = "it ended";
                break;
            }
        }
        catch (ObjectDisposedException)
        {
            return;
        }
        catch (SocketException error)
        {
            reason = error.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock ? $"no sign of life for {_silence.TotalSeconds:0} seconds" : "the connection broke";
        }
        Lose($"Process {line.Rank} of {_size} was lost ({reason}).");
    }

    private void Lose(string what)
    {
        if (!_leaving && _lost.TrySetResult(what)) _onLost?.Invoke(what);
    }

    private void Send(byte what)
    {
        foreach (var (socket, _) in _lines)
        {
            try
            {
                socket.Send([what]);
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                // Whoever listens on this connection notices, too.
            }
        }
    }
}
