using System.Net;
using System.Net.Sockets;
using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Testing;

/// <summary>A process group whose members are threads of the test's process: they exchange by way of the network all the same.</summary>
internal static class Together
{
    /// <summary>What each member comes to, by rank.</summary>
    /// <param name="size">Members.</param>
    /// <param name="work">What each does.</param>
    /// <param name="options">How long they wait for each other.</param>
    public static T[] Run<T>(int size, Func<ProcessGroup, T> work, GroupOptions? options = null)
    {
        var port = FreePort();
        var results = new T[size];
        var errors = new Exception?[size];
        var threads = Enumerable.Range(0, size).Select(rank => new Thread(() =>
        {
            try
            {
                TorchRuntime.Threads = 1;
                using var group = ProcessGroup.Join(new GroupMember(rank, size, "127.0.0.1", port), options);
                results[rank] = work(group);
                group.Leave();
            }
            catch (Exception error)
            {
                errors[rank] = error;
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        return errors.OfType<Exception>().ToList() is { Count: > 0 } failed ? throw new AggregateException(failed) : results;
    }

    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
