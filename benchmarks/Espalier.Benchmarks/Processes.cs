using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Torch.Distributed;
using Espalier.Training;

namespace Espalier.Benchmarks;

/// <summary>Two processes of one thread each against one of one thread, on training steps of the same batch: what sharing it out is worth.</summary>
internal static class Processes
{
    private const int Batch = 16, Steps = 2;

    /// <summary>One process of a side: trains so many steps for every line it reads, and answers with their seconds.</summary>
    public static void Serve(TextReader input, TextWriter output)
    {
        TorchRuntime.Threads = 1;
        using var group = GroupMember.FromVariables(Environment.GetEnvironmentVariable) is { } member ? ProcessGroup.Join(member) : null;
        var compute = new ComputeOptions { Precision = Precision.Fp32, Threads = 1, Group = group };
        var vit = VitRegistry.Find("vit_tiny_patch16_224")!;
        using var model = VitInit.Random(vit.Architecture, vit.Preprocessing, seed: 0);
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 0);
        using var batches = new OneBatch(Batch, compute.Share);
        while (input.ReadLine() is { } line)
        {
            var steps = int.Parse(line, CultureInfo.InvariantCulture);
            var losses = new List<double>();
            using var loop = new TrainingLoop(task, batches, new TrainRecipe { LearningRate = 1e-4 }.Options(steps, 1, compute)) { OnStep = report => losses.Add(report.Loss) };
            group?.Barrier();
            var begun = Stopwatch.GetTimestamp();
            loop.Run();
            output.WriteLine(FormattableString.Invariant($"{Stopwatch.GetElapsedTime(begun).TotalSeconds:R} {losses[^1]:R}"));
            output.Flush();
        }
        group?.Leave();
    }

    /// <summary>Measures in turns and prints.</summary>
    public static void Compare(int pairs)
    {
        using Team one = new(1), two = new(2);
        one.Run(1);
        two.Run(1);
        var ratios = new List<double>();
        var rates = new List<(double One, double Two)>();
        double difference = 0;
        for (var k = 0; k < pairs; k++)
        {
            var (first, second) = k % 2 == 0 ? (one, two) : (two, one);
            var (x, y) = (first.Run(Steps), second.Run(Steps));
            var (a, b) = k % 2 == 0 ? (x, y) : (y, x);
            ratios.Add(a.Seconds / b.Seconds);
            rates.Add((Batch * Steps / a.Seconds, Batch * Steps / b.Seconds));
            difference = Math.Max(difference, Math.Abs(a.Loss - b.Loss));
        }
        Console.WriteLine(FormattableString.Invariant($"""
            | ViT-Ti, batch {Batch}, fp32, AdamW | images/s | ratio | min-max |
            |---|---:|---:|---|
            | 1 process, 1 thread | {Comparison.Median(rates.Select(r => r.One)):F1} | | |
            | 2 processes, 1 thread each | {Comparison.Median(rates.Select(r => r.Two)):F1} | **{Comparison.Median(ratios):F2}** | {ratios.Min():F2}-{ratios.Max():F2} |

            Medians of {pairs} pairs of {Steps} steps, in turns. The losses differ by {difference:G2} at most.
            """));
    }

    /// <summary>The processes of one side.</summary>
    private sealed class Team : IDisposable
    {
        private readonly List<Process> _members = [];

        public Team(int size)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            listener.Stop();
            for (var rank = 0; rank < size; rank++)
            {
                var start = new ProcessStartInfo("dotnet", [typeof(Team).Assembly.Location, "processes-worker"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
                foreach (var (name, value) in new[] { ("RANK", rank), ("WORLD_SIZE", size), ("MASTER_PORT", port) })
                    start.Environment[name] = value.ToString(CultureInfo.InvariantCulture);
                start.Environment["MASTER_ADDR"] = "127.0.0.1";
                _members.Add(Process.Start(start)!);
            }
        }

        /// <summary>Seconds of the slowest member, and the last loss.</summary>
        public (double Seconds, double Loss) Run(int steps)
        {
            foreach (var member in _members)
            {
                member.StandardInput.WriteLine(steps);
                member.StandardInput.Flush();
            }
            var answers = _members.Select(m => (m.StandardOutput.ReadLine() ?? throw new InvalidOperationException("A process ended.")).Split(' ')
                .Select(word => double.Parse(word, CultureInfo.InvariantCulture)).ToArray()).ToList();
            return (answers.Max(a => a[0]), answers[0][1]);
        }

        public void Dispose()
        {
            foreach (var member in _members) member.StandardInput.Close();
            foreach (var member in _members)
            {
                member.WaitForExit();
                member.Dispose();
            }
        }
    }
}
