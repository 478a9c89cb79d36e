using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.OwnMethod;

/// <summary>
/// The finetuning loss: the student follows the frozen teacher at several depths, in its answers, or both, on images both see alike, mixed ones
/// among them.
/// </summary>
public sealed class Distillation : ITrainingTask, IDisposable
{
    private const int ScaleImages = 32;
    private const double LeastVariance = 1e-12;
    private readonly Model _teacher;
    private readonly Model _student;
    private readonly DistillationOptions _options;
    private readonly MixUp _mix;
    private readonly ulong _seed;
    private readonly HashSet<int> _depths;
    private readonly double[] _variances;
    private readonly Tensor[] _start;

    /// <param name="teacher">The original network; frozen.</param>
    /// <param name="student">Everything but its head is trained; without its answers, everything that its features depend on.</param>
    /// <param name="options">The parts of the loss.</param>
    /// <param name="images">What is trained on; the first few tell how large the teacher's tokens are.</param>
    /// <param name="seed">Of the mixing.</param>
    public Distillation(Model teacher, Model student, DistillationOptions options, ImageDataset images, ulong seed)
    {
        (_teacher, _student, _options, _seed) = (teacher, student, options, seed);
        _mix = new MixUp { MixUpAlpha = 1, CutMixAlpha = 1, Probability = options.Mix };
        var depth = student.Architecture.Depth;
        _depths = options.FeatureEvery > 0
            ? [.. Enumerable.Range(0, depth - 1).Where(i => (i + 1) % options.FeatureEvery == 0)]
            : [];
        Groups = [new("all", [.. student.Parameters.Where(t => !(options.LogitWeight > 0 ? student.IsHead(t.Key) : student.IsAfterFeatures(t.Key)))])];
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        _variances = options.FeatureWeight > 0 ? Variances(images.Take(ScaleImages)) : [];
        _start = options.Pull > 0 ? [.. Parameters.Select(p => TensorScope.Release(p.Detach().Clone()))] : [];
    }

    public IReadOnlyList<ParameterGroup> Groups { get; }

    public IReadOnlyList<Tensor> Parameters => [.. Groups.SelectMany(g => g.Tensors.Select(t => t.Value))];

    // Statistics that stand still need neither be averaged nor kept.
    public IReadOnlyList<Tensor> Buffers => !_options.BatchStatistics ? [] : [.. _student.Weights.Where(t => _student.IsBuffer(t.Key)).Select(t => t.Value)];

    public Tensor Loss(TensorBatch batch, long step)
    {
        var (pixels, _) = _mix.Mix(batch.Pixels, _seed, step);
        List<Tensor> wanted;
        using (new NoGrad()) wanted = Answers(_teacher, pixels);
        var given = Answers(_student, pixels, _options.BatchStatistics);
        List<Tensor> parts = [];
        if (_options.LogitWeight > 0) parts.Add(Functional.KlPerSample(wanted[^1], given[^1]).Mean() * _options.LogitWeight);
        for (var k = 0; k < _variances.Length; k++)
            parts.Add(Functional.MseLoss(given[k].To(DType.Float32), wanted[k].To(DType.Float32)) * (_options.FeatureWeight / (_variances.Length * _variances[k])));
        return parts.Aggregate((sum, part) => sum + part);
    }

    void ITrainingTask.AfterStep(long step, double? loss)
    {
        if (_start.Length == 0) return;
        foreach (var (parameter, start) in Parameters.Zip(_start)) parameter.AddInPlace(start - parameter, _options.Pull);
    }

    public void Dispose()
    {
        foreach (var tensor in _start) tensor.Dispose();
    }

    // Tokens at the chosen depths and of the features, logits.
    private List<Tensor> Answers(Model model, Tensor pixels, bool training = false)
    {
        var answers = new List<Tensor>();
        var x = model.Stem(pixels, training);
        for (var i = 0; i < model.Architecture.Depth; i++)
        {
            x = model.Blocks(x, i, i + 1, null, training);
            if (_depths.Contains(i)) answers.Add(model.AsTokens(x));
        }
        x = model.Tail(x, training);
        answers.Add(model.AsTokens(x));
        answers.Add(model.Head(x));
        return answers;
    }

    // Depths differ in scale by orders of magnitude; relative to the teacher's variance each counts alike. That of a batch would differ between processes that
    // share it.
    private double[] Variances(ImageDataset images) =>
        [.. Answers(_teacher, ImageTensors.Load(images, _teacher.Preprocessing, _teacher.Device)).SkipLast(1).Select(tokens =>
        {
            var spread = tokens.To(DType.Float32) - tokens.To(DType.Float32).Mean([0, 1], keepDim: true);
            return Math.Max(LeastVariance, (spread * spread).Mean().Item());
        })];
}
