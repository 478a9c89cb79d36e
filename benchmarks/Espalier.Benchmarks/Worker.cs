using System.Diagnostics;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Torch.Optim;

namespace Espalier.Benchmarks;

/// <summary>
/// Espalier's side of the comparison; speaks as <c>peer/train_step.py</c> does. Answers each line "mode precision threads batch
/// steps" with the seconds and the processor seconds those steps took, and "memory" with the peak resident set in bytes.
/// </summary>
internal sealed class Worker : IDisposable
{
    private readonly VitModel _model;
    private readonly AdamW _optimizer;
    private readonly HashSet<Workload> _warm = [];
    private readonly Dictionary<int, (Tensor Pixels, Tensor Labels)> _batches = [];

    public Worker()
    {
        var vit = VitRegistry.Find("vit_tiny_patch16_224")!;
        _model = VitInit.Random(vit.Architecture, vit.Preprocessing, seed: 0);
        Tensor[] parameters = [.. _model.Weights.Values];
        foreach (var parameter in parameters) parameter.RequiresGrad = true;
        _optimizer = new AdamW(parameters, learningRate: 1e-6, new AdamOptions { WeightDecay = 0.05 });
    }

    public static void Serve(TextReader input, TextWriter output)
    {
        using var worker = new Worker();
        while (input.ReadLine() is { } line)
        {
            var words = line.Split(' ');
            output.WriteLine(words is ["memory"] ? $"{Machine.ResidentBytes(peak: true)}" : worker.Measure(Workload.Parse(words), int.Parse(words[4])));
            output.Flush();
        }
    }

    private string Measure(Workload work, int steps)
    {
        TorchRuntime.Threads = work.Threads;
        var (pixels, labels) = Batch(work.Batch);
        if (_warm.Add(work)) Step(work, pixels, labels);
        var (begun, spent) = (Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime);
        for (var k = 0; k < steps; k++) Step(work, pixels, labels);
        var (seconds, cpu) = (Stopwatch.GetElapsedTime(begun).TotalSeconds, (Environment.CpuUsage.TotalTime - spent).TotalSeconds);
        return FormattableString.Invariant($"{seconds:R} {cpu:R}");
    }

    private void Step(Workload work, Tensor pixels, Tensor labels)
    {
        using var scope = new TensorScope();
        var bf16 = work.Precision == "bf16";
        if (work.Mode == "forward")
        {
            using var noGrad = new NoGrad();
            using (new Autocast(bf16)) _model.Logits(pixels);
            return;
        }
        Tensor loss;
        using (new Autocast(bf16)) loss = Functional.CrossEntropy(_model.Logits(pixels).To(DType.Float32), labels);
        loss.Backward();
        if (work.Mode == "step") _optimizer.Step();
        else
            foreach (var parameter in _model.Weights.Values) parameter.Grad = null;
    }

    private (Tensor Pixels, Tensor Labels) Batch(int size)
    {
        if (!_batches.TryGetValue(size, out var batch)) _batches[size] = batch = (Tensor.RandN([size, 3, 224, 224]), Tensor.Arange(size));
        return batch;
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _model.Dispose();
        foreach (var (pixels, labels) in _batches.Values)
        {
            pixels.Dispose();
            labels.Dispose();
        }
    }
}
