using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// How much an error at each token position matters to the answer, after the attention and after the MLP of every block: deep down the class
/// token is nearly all that counts. Weights are √E‖∂loss/∂token‖², scaled to mean 1; the labels of the loss are drawn from the teacher's own
/// answers, so none are needed and the gradients' second moment is the Fisher information. The root keeps few tokens from ruling the fit.
/// </summary>
public sealed class TokenWeights : IDisposable
{
    private const int BatchSize = 16;
    // No token is worth nothing: repaired weights must stay sane on all of them.
    private const double Floor = 0.05;
    private readonly Tensor[] _attention;
    private readonly Tensor[] _mlp;

    private TokenWeights(Tensor[] attention, Tensor[] mlp) => (_attention, _mlp) = (attention, mlp);

    /// <summary>All tokens count the same.</summary>
    public static TokenWeights Equal(VitModel model)
    {
        Tensor[] Ones() => [.. Enumerable.Range(0, model.Architecture.Depth).Select(i =>
            TensorScope.Release(Tensor.Ones([model.Architecture.TokensOf(i)], device: model.Device)))];
        return new TokenWeights(Ones(), Ones());
    }

    /// <summary>Measures on some images, a hundred are plenty: positions are averaged over.</summary>
    public static TokenWeights Measure(VitModel teacher, ImageDataset images, ulong seed, CancellationToken cancellation)
    {
        var depth = teacher.Architecture.Depth;
        using var whole = new TensorScope();
        var sums = new Tensor[2 * depth];
        for (var k = 0; k < sums.Length; k++) sums[k] = Tensor.Zeros([teacher.Architecture.TokensOf(k / 2)], device: teacher.Device);
        TorchRuntime.Seed(seed);
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            AddGradients(teacher, ImageTensors.Load(part, teacher.Preprocessing, teacher.Device), sums);
        }
        foreach (var sum in sums)
        {
            Finish(sum);
            TensorScope.Release(sum);
        }
        return new TokenWeights([.. sums.Where((_, k) => k % 2 == 0)], [.. sums.Where((_, k) => k % 2 == 1)]);
    }

    /// <summary>[N] for the residual stream after the attention of a block; mean 1.</summary>
    public Tensor AfterAttention(int block) => _attention[block];

    /// <summary>[N] for the residual stream after the MLP of a block; mean 1.</summary>
    public Tensor AfterMlp(int block) => _mlp[block];

    public void Dispose()
    {
        foreach (var tensor in _attention.Concat(_mlp)) tensor.Dispose();
    }

    private static void AddGradients(VitModel teacher, Tensor pixels, Tensor[] sums)
    {
        Tensor x;
        using (new NoGrad()) x = teacher.Embed(pixels);
        x.RequiresGrad = true;
        var points = new List<Tensor>();
        for (var i = 0; i < teacher.Architecture.Depth; i++)
        {
            points.Add(x = teacher.AfterAttention(i, teacher.Downsample(i, x)));
            points.Add(x = teacher.AfterMlp(i, x));
        }
        var logits = teacher.Head(teacher.Norm(x));
        var answers = logits.Detach().Softmax(-1).Multinomial(1).Reshape(-1);
        var loss = Functional.CrossEntropy(logits, answers) * logits.Size(0);
        var gradients = Autograd.Gradients(loss, [.. points]);
        using var noGrad = new NoGrad();
        for (var k = 0; k < sums.Length; k++) sums[k].AddInPlace((gradients[k]! * gradients[k]!).Sum([0, 2]));
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
