using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Baselines;

/// <summary>
/// PRACTISE's adaptors around a block that was dropped: D×D linear layers, at first the identity, after fc2 of every block before it and ahead
/// of qkv of every block after it. Nothing nonlinear lies between an adaptor and its neighbour, so the network with adaptors is the plain
/// one with other tensors: y = A·(W·h + b) + c is a layer (A·W, A·b + c), and W·(A·x + c) + b is one (W·A, W·c + b). In a convolutional network
/// they are 1×1 convolutions without bias, after the convolution that leads to the gap and ahead of those that lead on from it.
/// </summary>
public sealed class Adaptors : IDisposable
{
    private sealed record Adaptor(string Layer, bool IsAfter, Tensor Weight, Tensor? Bias);

    private readonly List<Adaptor> _adaptors = [];

    /// <param name="student">The network; it stays as it is.</param>
    /// <param name="dropped">Index of the block that is gone.</param>
    public Adaptors(Model student, int dropped)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        if (student is CnnModel cnn)
        {
            var (before, after) = cnn.Around(dropped);
            Add(before, isAfter: true, hasBias: false);
            foreach (var layer in after) Add(layer, isAfter: false, hasBias: false);
            return;
        }
        var net = ((VitModel)student).Architecture;
        for (var i = 0; i < net.Depth; i++)
        {
            if (i < dropped && net.Blocks[i].HasMlp) Add($"blocks.{i}.mlp.fc2", isAfter: true, hasBias: true);
            // Without a bias to take it up, the shift ahead of qkv has no place to go to.
            if (i > dropped && net.Blocks[i].HasAttention) Add($"blocks.{i}.attn.qkv", isAfter: false, net.Blocks[i].QkvBias);
        }

        void Add(string layer, bool isAfter, bool hasBias)
        {
            var width = student.Weights[$"{layer}.weight"].Size(isAfter ? 0 : 1);
            _adaptors.Add(new(layer, isAfter, TensorScope.Release(Tensor.Eye(width, device: student.Device)),
                hasBias ? TensorScope.Release(Tensor.Zeros([width], device: student.Device)) : null));
        }
    }

    /// <summary>Weight [D, D] and bias [D] of every adaptor, in order.</summary>
    public IReadOnlyList<Tensor> Parameters => [.. _adaptors.SelectMany(a => a.Bias is null ? [a.Weight] : new[] { a.Weight, a.Bias })];

    /// <summary>
    /// The network with the adaptors folded in; gradients flow to them. All other tensors are the student's own. Dispose of it: that leaves the
    /// student whole.
    /// </summary>
    public T Fold<T>(T student) where T : Model
    {
        var weights = new Weights();
        foreach (var (name, tensor) in student.Weights) weights.Set(name, tensor.Alias());
        foreach (var (layer, isAfter, a, c) in _adaptors)
        {
            var w = student.Weights[$"{layer}.weight"];
            weights.Set($"{layer}.weight", isAfter ? After(a, w) : Ahead(w, a));
            if (c is null) continue;
            var b = student.Weights[$"{layer}.bias"];
            weights.Set($"{layer}.bias", isAfter ? a.MatMul(b) + c : w.MatMul(c) + b);
        }
        return (T)student.Architecture.Create(student.Preprocessing, weights);
    }

    // Matrices [out, in] and convolutions [out, in, k, k] alike.
    private static Tensor After(Tensor a, Tensor w) => a.MatMul(w.Reshape(w.Size(0), -1)).Reshape(w.Shape);

    private static Tensor Ahead(Tensor w, Tensor a) => w.Shape.Length == 2 ? w.MatMul(a) : w.Permute(0, 2, 3, 1).MatMul(a).Permute(0, 3, 1, 2);

    public void Dispose()
    {
        foreach (var tensor in Parameters) tensor.Dispose();
    }
}
