using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// How much an error at each token position matters to the answer, after the attention and at the end of every block: deep down the class
/// token is nearly all that counts. Weights are √E‖∂loss/∂token‖², scaled to mean 1; the labels of the loss are drawn from the teacher's own
/// answers, so none are needed and the gradients' second moment is the Fisher information. The root keeps few tokens from ruling the fit.
/// </summary>
public sealed class TokenWeights : IDisposable
{
    private const int BatchSize = 16;
    // No token is worth nothing: repaired weights must stay sane on all of them.
    private const double Floor = 0.05;
    // By block: after its attention, where it has one, and after the block.
    private readonly Tensor[][] _points;

    private TokenWeights(Tensor[][] points) => _points = points;

    /// <summary>All tokens count the same.</summary>
    public static TokenWeights Equal(Model model)
    {
        Tensor Ones(long count) => TensorScope.Release(Tensor.Ones([count], device: model.Device));
        return new TokenWeights([.. Enumerable.Range(0, model.Architecture.Depth).Select(i =>
            model.Architecture is VitArchitecture vit ? new[] { Ones(vit.TokensOf(i)), Ones(vit.TokensOf(i)) } : [Ones(1)])]);
    }

    /// <summary>Measures on some images, a hundred are plenty: positions are averaged over.</summary>
    public static TokenWeights Measure(Model teacher, ImageDataset images, ulong seed, CancellationToken cancellation)
    {
        using var whole = new TensorScope();
        Tensor[][]? sums = null;
        TorchRuntime.Seed(seed);
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            var squares = Squares(teacher, ImageTensors.Load(part, teacher.Preprocessing, teacher.Device));
            if (sums is null) sums = Array.ConvertAll(squares, points => Array.ConvertAll(points, scope.Keep));
            else
                foreach (var (sum, square) in sums.Zip(squares).SelectMany(p => p.First.Zip(p.Second))) sum.AddInPlace(square);
        }
        foreach (var sum in sums!.SelectMany(points => points))
        {
            Finish(sum);
            TensorScope.Release(sum);
        }
        return new TokenWeights(sums!);
    }

    /// <summary>[N] for the residual stream after the attention of a block; mean 1.</summary>
    public Tensor AfterAttention(int block) => _points[block][0];

    /// <summary>[N] for the residual stream after a block; mean 1.</summary>
    public Tensor AfterBlock(int block) => _points[block][^1];

    public void Dispose()
    {
        foreach (var tensor in _points.SelectMany(points => points)) tensor.Dispose();
    }

    // Squared gradients, summed over images and channels: [N] at every point.
    private static Tensor[][] Squares(Model teacher, Tensor pixels)
    {
        Tensor x;
        using (new NoGrad()) x = teacher.Stem(pixels);
        x.RequiresGrad = true;
        var points = new List<Tensor[]>();
        for (var i = 0; i < teacher.Architecture.Depth; i++)
        {
            var halfway = teacher is VitModel vit ? vit.AfterAttention(i, vit.Downsample(i, x)) : null;
            x = halfway is null ? teacher.Blocks(x, i, i + 1) : ((VitModel)teacher).AfterMlp(i, halfway);
            points.Add(halfway is null ? [x] : [halfway, x]);
        }
        var logits = teacher.Head(teacher.Tail(x));
        var answers = logits.Detach().Softmax(-1).Multinomial(1).Reshape(-1);
        var loss = Functional.CrossEntropy(logits, answers) * logits.Size(0);
        var gradients = new Queue<Tensor?>(Autograd.Gradients(loss, [.. points.SelectMany(p => p)]));
        using var noGrad = new NoGrad();
        return [.. points.Select(p => Array.ConvertAll(p, _ => Square(teacher.AsTokens(gradients.Dequeue()!))))];

        static Tensor Square(Tensor gradient) => (gradient * gradient).Sum([0, 2]);
    }

    private static void Finish(Tensor sum)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var root = sum.Sqrt();
        var scaled = root / (root.Mean() + 1e-30) * (1 - Floor) + Floor;
        sum.CopyFrom(scaled);
    }
}
