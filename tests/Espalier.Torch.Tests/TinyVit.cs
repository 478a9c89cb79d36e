using Espalier.Torch.Optim;

namespace Espalier.Torch.Tests;

/// <summary>
/// Two transformer blocks and a head over fixed random inputs: small, but with every operator a ViT trains through.
/// </summary>
internal sealed class TinyVit : IDisposable
{
    private static readonly Operator s_gelu = new("aten::gelu");

    private const int Width = 16, Heads = 2, Hidden = 32, Tokens = 5, Batch = 8, Classes = 4;

    // Per block: norm1 w, b, qkv w, b, proj w, b, norm2 w, b, fc1 w, b, fc2 w, b. Then the head's w, b.
    private static readonly long[][] s_block =
    [
        [Width], [Width], [3 * Width, Width], [3 * Width], [Width, Width], [Width],
        [Width], [Width], [Hidden, Width], [Hidden], [Width, Hidden], [Width],
    ];

    /// <summary>
    /// The same net, inputs and training loop in PyTorch; it prints one loss a step and the norms it clipped from.
    /// </summary>
    internal const string Python = """
        import sys, torch, torch.nn.functional as F
        torch.set_num_threads(1)
        torch.manual_seed(7)
        W, H, HID, T, B, C = 16, 2, 32, 5, 8, 4
        block = [(W,), (W,), (3*W, W), (3*W,), (W, W), (W,), (W,), (W,), (HID, W), (HID,), (W, HID), (W,)]
        shapes = block + block + [(C, W), (C,)]
        ps = [(torch.randn(s) * 0.2).requires_grad_() for s in shapes]
        x, y = torch.randn(B, T, W), torch.arange(B) % C
        def net(x):
            for b in range(2):
                w = ps[12*b:12*b+12]
                h = F.layer_norm(x, (W,), w[0], w[1], 1e-6)
                q, k, v = F.linear(h, w[2], w[3]).reshape(B, T, 3, H, W // H).permute(2, 0, 3, 1, 4).unbind(0)
                a = (q.matmul(k.transpose(-2, -1)) * (W // H) ** -0.5).softmax(-1)
                x = x + F.linear(a.matmul(v).transpose(1, 2).reshape(B, T, W), w[4], w[5])
                h = F.layer_norm(x, (W,), w[6], w[7], 1e-6)
                x = x + F.linear(F.gelu(F.linear(h, w[8], w[9])), w[10], w[11])
            return F.linear(x.mean(1), ps[24], ps[25])
        name, steps, clip, half = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4] == 'bf16'
        opt = {'sgd': lambda: torch.optim.SGD(ps, 0.05, momentum=0.9, weight_decay=0.01),
               'plain-sgd': lambda: torch.optim.SGD(ps, 0.05),
               'adam': lambda: torch.optim.Adam(ps, 3e-3, weight_decay=0.01),
               'adamw': lambda: torch.optim.AdamW(ps, 3e-3, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)}[name]()
        for step in range(steps):
            with torch.autocast('cpu', torch.bfloat16, enabled=half):
                loss = F.cross_entropy(net(x), y, label_smoothing=0.1)
            opt.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(ps, clip).item() if clip > 0 else 0.0
            opt.step()
            print(repr(loss.item()), repr(norm))
        """;

    internal TinyVit()
    {
        TorchRuntime.Seed(7);
        using var scope = new TensorScope();
        Parameters = [.. new[] { s_block, s_block, [[Classes, Width], [Classes]] }.SelectMany(s => s)
            .Select(shape => TensorScope.Release(Tensor.RandN(shape) * 0.2))];
        foreach (var p in Parameters) p.RequiresGrad = true;
        Inputs = TensorScope.Release(Tensor.RandN([Batch, Tokens, Width]));
        Labels = TensorScope.Release(Tensor.From<long>([.. Enumerable.Range(0, Batch).Select(k => (long)(k % Classes))]));
    }

    internal Tensor[] Parameters { get; }

    internal Tensor Inputs { get; }

    internal Tensor Labels { get; }

    /// <summary>Logits [Batch, Classes].</summary>
    internal Tensor Forward()
    {
        var x = Inputs;
        for (var b = 0; b < 2; b++)
        {
            var w = Parameters.AsSpan(12 * b, 12);
            var qkv = x.LayerNorm(w[0], w[1], 1e-6).Linear(w[2], w[3]).Reshape(Batch, Tokens, 3, Heads, Width / Heads)
                .Permute(2, 0, 3, 1, 4).Unbind(0);
            var attention = (qkv[0].MatMul(qkv[1].Transpose(-2, -1)) * Math.Pow(Width / Heads, -0.5)).Softmax(-1);
            x += attention.MatMul(qkv[2]).Transpose(1, 2).Reshape(Batch, Tokens, Width).Linear(w[4], w[5]);
            // libtorch's GELU, as on the other side: ours rounds otherwise in bf16.
            x += s_gelu.Call(x.LayerNorm(w[6], w[7], 1e-6).Linear(w[8], w[9])).Linear(w[10], w[11]);
        }
        return x.Mean([1]).Linear(Parameters[24], Parameters[25]);
    }

    internal Tensor Loss() => Functional.CrossEntropy(Forward(), Labels, labelSmoothing: 0.1);

    /// <summary>One training step; returns the loss before it and the gradients' norm before clipping (0 without).</summary>
    internal (double Loss, double Norm) Step(Optimizer optimizer, double clip = 0, bool bf16 = false)
    {
        using var scope = new TensorScope();
        Tensor loss;
        using (new Autocast(bf16)) loss = Loss();
        loss.Backward();
        var norm = clip > 0 ? optimizer.ClipGradients(clip) : 0;
        optimizer.Step();
        return (loss.Item(), norm);
    }

    public void Dispose()
    {
        foreach (var p in Parameters)
        {
            p.Grad = null;
            p.Dispose();
        }
        Inputs.Dispose();
        Labels.Dispose();
    }
}
