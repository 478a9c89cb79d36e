using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.OwnMethod;

/// <summary>
/// The finetuning loss: the student follows the frozen teacher at several depths and in its answers, on images both see alike, mixed ones
/// among them.
/// </summary>
public sealed class Distillation : ITrainingTask, IDisposable
{
    private readonly VitModel _teacher;
    private readonly VitModel _student;
    private readonly DistillationOptions _options;
    private readonly MixUp _mix;
    private readonly ulong _seed;
    private readonly HashSet<int> _depths;
    private readonly Tensor[] _start;

    /// <param name="teacher">The original network; frozen.</param>
    /// <param name="student">Everything but its head is trained.</param>
    /// <param name="options">The parts of the loss.</param>
    /// <param name="seed">Of the mixing.</param>
    public Distillation(VitModel teacher, VitModel student, DistillationOptions options, ulong seed)
    {
        (_teacher, _student, _options, _seed) = (teacher, student, options, seed);
        _mix = new MixUp { MixUpAlpha = 1, CutMixAlpha = 1, Probability = options.Mix };
        var depth = student.Architecture.Depth;
        _depths = options.FeatureEvery > 0
            ? [.. Enumerable.Range(0, depth - 1).Where(i => (i + 1) % options.FeatureEvery == 0)]
            : [];
        Parameters = [.. student.Weights.Keys.Where(name => !VitTensors.IsHead(name)).Select(name => student.Weights[name])];
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        _start = options.Pull > 0 ? [.. Parameters.Select(p => TensorScope.Release(p.Detach().Clone()))] : [];
    }

    public IReadOnlyList<Tensor> Parameters { get; }

    IReadOnlyList<ParameterGroup> ITrainingTask.Groups =>
        [new("all", [.. _student.Weights.Keys.Where(name => !VitTensors.IsHead(name)).Select(name => KeyValuePair.Create(name, _student.Weights[name]))])];

    public Tensor Loss(TensorBatch batch, long step)
    {
        var (pixels, _) = _mix.Mix(batch.Pixels, _seed, step);
        List<Tensor> wanted;
        using (new NoGrad()) wanted = Answers(_teacher, pixels);
        var given = Answers(_student, pixels);
        var loss = Functional.KlPerSample(wanted[^1], given[^1]).Mean() * _options.LogitWeight;
        if (_options.FeatureWeight == 0) return loss;
        var features = given.Count - 1;
        for (var k = 0; k < features; k++)
            loss += RelativeError(given[k].To(DType.Float32), wanted[k].To(DType.Float32)) * (_options.FeatureWeight / features);
        return loss;
    }

    void ITrainingTask.AfterStep(long step, double? loss)
    {
        for (var k = 0; k < _start.Length; k++) Parameters[k].AddInPlace(_start[k] - Parameters[k], _options.Pull);
    }

    public void Dispose()
    {
        foreach (var tensor in _start) tensor.Dispose();
    }

    // Tokens at the chosen depths, tokens after the final LayerNorm, logits.
    private List<Tensor> Answers(VitModel model, Tensor pixels)
    {
        var answers = new List<Tensor>();
        var x = model.Embed(pixels);
        for (var i = 0; i < model.Architecture.Depth; i++)
        {
            x = model.Block(i, x);
            if (_depths.Contains(i)) answers.Add(x);
        }
        x = model.Norm(x);
        answers.Add(x);
        answers.Add(model.Head(x));
        return answers;
    }

    // Depths differ in scale by orders of magnitude; relative to the teacher's variance each counts alike.
    private static Tensor RelativeError(Tensor given, Tensor wanted)
    {
        var spread = wanted - wanted.Mean([0, 1], keepDim: true);
        return Functional.MseLoss(given, wanted) * (spread * spread).Mean().Detach().Reciprocal();
    }
}
