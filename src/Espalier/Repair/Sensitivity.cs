using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// What an error costs the answer, after the attention and at the end of every block: at which token, for deep down the class token is nearly all that
/// counts, and in which direction among the channels. Both are moments of the gradient of the loss; its labels are drawn from the teacher's own answers,
/// so none are needed and the moments are the Fisher information. Token weights are √E‖∂loss/∂token‖², scaled to mean 1: the root keeps few tokens from
/// ruling the fit. The metric of the channels is half E[∂loss·∂lossᵀ], scaled to mean 1, and half the identity: few gradients rule no direction out.
/// </summary>
public sealed class Sensitivity : IDisposable
{
    private const int BatchSize = 16;
    // No token is worth nothing: repaired weights must stay sane on all of them.
    private const double Floor = 0.05;
    private const double MeasuredShare = 0.5;
    // By block: after its attention, where it may have one, and after the block.
    private readonly ErrorMetric[][] _points;

    private Sensitivity(ErrorMetric[][] points) => _points = points;

    /// <summary>All errors cost the same.</summary>
    public static Sensitivity Equal(Model model)
    {
        ErrorMetric Ones(long count) => new(TensorScope.Release(Tensor.Ones([count], device: model.Device)), null);
        return new Sensitivity([.. Enumerable.Range(0, model.Architecture.Depth).Select(i =>
            model.Architecture is VitArchitecture vit ? new[] { Ones(vit.TokensOf(i)), Ones(vit.TokensOf(i)) } : [Ones(1)])]);
    }

    /// <summary>Measures on some images, a hundred are plenty: tokens of a position are averaged over, and all tokens are for the channels.</summary>
    public static Sensitivity Measure(Model teacher, ImageDataset images, ulong seed, CancellationToken cancellation)
    {
        using var whole = new TensorScope();
        GradientMoments[][]? sums = null;
        using var generator = new Generator(seed, teacher.Device);
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            var moments = MomentsOf(teacher, ImageTensors.Load(part, teacher.Preprocessing, teacher.Device), generator);
            if (sums is null) sums = Each(moments, m => new GradientMoments(scope.Keep(m.Tokens), scope.Keep(m.Channels)));
            else
                foreach (var (sum, more) in sums.Zip(moments).SelectMany(p => p.First.Zip(p.Second))) sum.Add(more);
        }
        return new Sensitivity(Each(sums!, m => new ErrorMetric(TensorScope.Release(TokenWeights(m.Tokens)), TensorScope.Release(Root(m.Channels)))));
    }

    /// <summary>For the residual stream after the attention of a block.</summary>
    public ErrorMetric AfterAttention(int block) => _points[block][0];

    /// <summary>For the residual stream after a block.</summary>
    public ErrorMetric AfterBlock(int block) => _points[block][^1];

    public void Dispose()
    {
        foreach (var point in _points.SelectMany(points => points))
        {
            point.Tokens.Dispose();
            point.Root?.Dispose();
        }
    }

    // Second moments of the gradients at every point, summed over the images.
    private static GradientMoments[][] MomentsOf(Model teacher, Tensor pixels, Generator generator)
    {
        Tensor x;
        using (new NoGrad()) x = teacher.Stem(pixels);
        x.RequiresGrad = true;
        var points = new List<Tensor[]>();
        for (var i = 0; i < teacher.Architecture.Depth; i++)
        {
            // A convolutional block, or one that is a linear layer, has no place in its middle.
            var halfway = teacher is VitModel vit && !vit.Architecture.Blocks[i].IsLinear ? vit.AfterAttention(i, vit.Downsample(i, x)) : null;
            x = halfway is null ? teacher.Blocks(x, i, i + 1) : ((VitModel)teacher).AfterMlp(i, halfway);
            points.Add(halfway is null ? [x] : [halfway, x]);
        }
        var logits = teacher.Head(teacher.Tail(x));
        var answers = logits.Detach().Softmax(-1).Multinomial(1, generator).Reshape(-1);
        var loss = Functional.CrossEntropy(logits, answers) * logits.Size(0);
        var gradients = new Queue<Tensor?>(Autograd.Gradients(loss, [.. points.SelectMany(p => p)]));
        using var noGrad = new NoGrad();
        return [.. points.Select(p => Array.ConvertAll(p, _ => GradientMoments.Of(teacher.AsTokens(gradients.Dequeue()!))))];
    }

    private static Tensor TokenWeights(Tensor squares)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var root = squares.Sqrt();
        return scope.Keep(root / (root.Mean() + 1e-30) * (1 - Floor) + Floor);
    }

    private static Tensor Root(Tensor moments)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var (values, vectors) = moments.SymmetricEigen();
        var level = values.Mean().Item();
        var metric = level > 0 ? values.Clamp(0, double.MaxValue) * (MeasuredShare / level) + (1 - MeasuredShare) : Tensor.Ones(values.Shape, DType.Float64, values.Device);
        return scope.Keep((vectors * metric.Sqrt()).Transpose(0, 1));
    }

    private static TOut[][] Each<TIn, TOut>(TIn[][] points, Func<TIn, TOut> map) => Array.ConvertAll(points, p => Array.ConvertAll(p, m => map(m)));

    /// <summary>Second moments of the gradients at one point.</summary>
    /// <param name="Tokens">[N], summed over images and channels.</param>
    /// <param name="Channels">[D, D], float64, summed over images and tokens.</param>
    private sealed record GradientMoments(Tensor Tokens, Tensor Channels)
    {
        internal static GradientMoments Of(Tensor gradient)
        {
            var rows = gradient.To(DType.Float64).Reshape(-1, gradient.Size(-1));
            return new((gradient * gradient).Sum([0, 2]), rows.Transpose(0, 1).MatMul(rows));
        }

        internal void Add(GradientMoments other)
        {
            Tokens.AddInPlace(other.Tokens);
            Channels.AddInPlace(other.Channels);
        }
    }
}
