using System.Globalization;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>
/// A forward pass in plain Python, one head at a time, in double precision, from the equations: it shares nothing with the loader or the library.
/// </summary>
internal static class PlainPeer
{
    public static readonly string[] Modules = ["torch"];

    /// <summary>Takes a JSON list of <see cref="Spec"/>; prints the logits of each on one line.</summary>
    public const string Script = """
        import json, math, struct, sys, torch
        torch.set_num_threads(1)
        def read(path):
            data = open(path, 'rb').read()
            n, = struct.unpack('<Q', data[:8])
            return {k: torch.tensor(struct.unpack('<%df' % ((e['data_offsets'][1] - e['data_offsets'][0]) // 4),
                        data[8 + n + e['data_offsets'][0]:8 + n + e['data_offsets'][1]]), dtype=torch.float64).reshape(e['shape'])
                    for k, e in json.loads(data[8:8 + n]).items() if k != '__metadata__'}
        def norm(x, w, name, eps):
            m = x.mean(-1, keepdim=True)
            return (x - m) / torch.sqrt(((x - m) ** 2).mean(-1, keepdim=True) + eps) * w[name + '.weight'] + w[name + '.bias']
        def linear(x, w, name):
            return x @ w[name + '.weight'].t() + w.get(name + '.bias', 0)
        def attention(x, w, p, b, bias=None):
            qkv, out = linear(x, w, p + 'attn.qkv'), []
            for h in range(b['heads']):
                q = qkv[..., h * b['qk']:(h + 1) * b['qk']]
                start = b['heads'] * b['qk']
                k = qkv[..., start + h * b['qk']:start + (h + 1) * b['qk']]
                start = 2 * b['heads'] * b['qk']
                v = qkv[..., start + h * b['v']:start + (h + 1) * b['v']]
                if p + 'attn.q_norm.weight' in w:
                    q, k = norm(q, w, p + 'attn.q_norm', b['eps']), norm(k, w, p + 'attn.k_norm', b['eps'])
                scores = q @ k.transpose(-1, -2) * (b['scale'] if b['scale'] else 1 / math.sqrt(b['qk']))
                if bias is not None:
                    scores = scores + bias[h]
                scores = torch.exp(scores - scores.max(-1, keepdim=True)[0])
                out.append(scores / scores.sum(-1, keepdim=True) @ v)
            return linear(torch.cat(out, -1), w, p + 'attn.proj') * w.get(p + 'ls1.gamma', 1)
        def windowed(x, w, p, b):
            # Slot (y, x) of the rolled, padded grid holds the token from one shift further on, or nothing.
            grid, window, table = math.isqrt(x.shape[1]), b['window'], w[p + 'attn.relative_position_bias_table']
            side, shift = min(window, grid), b['shift'] if grid > window else 0
            padded = -(-grid // side) * side
            band = lambda at: 0 if at < padded - side else 1 if at < padded - shift else 2
            out = [None] * x.shape[1]
            for top in range(0, padded, side):
                for left in range(0, padded, side):
                    slots = [(i, j) for i in range(top, top + side) for j in range(left, left + side)]
                    tokens = [(i + shift) % grid * grid + (j + shift) % grid if i < grid and j < grid else None for i, j in slots]
                    bias = torch.stack([torch.stack([
                        table[(qi - ki + window - 1) * (2 * window - 1) + qj - kj + window - 1]
                        - (100 if (band(qi), band(qj)) != (band(ki), band(kj)) else 0) for ki, kj in slots]) for qi, qj in slots]).permute(2, 0, 1)
                    found = attention(torch.stack([x[:, t] if t is not None else 0 * x[:, 0] for t in tokens], 1), w, p, b, bias)
                    for slot, t in enumerate(tokens):
                        if t is not None:
                            out[t] = found[:, slot]
            return torch.stack(out, 1)
        def downsample(x, w, p, eps):
            grid = math.isqrt(x.shape[1])
            token = lambda i, j: x[:, i * grid + j] if i < grid and j < grid else 0 * x[:, 0]
            x = torch.stack([torch.cat([token(i, j), token(i + 1, j), token(i, j + 1), token(i + 1, j + 1)], -1)
                for i in range(0, grid, 2) for j in range(0, grid, 2)], 1)
            return linear(norm(x, w, p + 'downsample.norm', eps), w, p + 'downsample.reduction')
        def mlp(x, w, p):
            h = linear(x, w, p + 'mlp.fc1')
            units = w[p + 'mlp.fc2.weight'].shape[1]
            if h.shape[-1] == 2 * units:
                gate = h[..., :units]
                return linear(gate / (1 + torch.exp(-gate)) * h[..., units:], w, p + 'mlp.fc2') * w.get(p + 'ls2.gamma', 1)
            return linear(h * 0.5 * (1 + torch.erf(h / math.sqrt(2))), w, p + 'mlp.fc2') * w.get(p + 'ls2.gamma', 1)
        for spec in json.loads(sys.argv[1]):
            w, ps = read(spec['file']), spec['patch']
            pixels, kernel = w['pixels'], w['patch_embed.proj.weight']
            side, count = pixels.shape[-1] // ps, pixels.shape[0]
            rows = []
            for y in range(side):
                for x in range(side):
                    patch = pixels[:, :, y * ps:(y + 1) * ps, x * ps:(x + 1) * ps]
                    rows.append(patch.flatten(1) @ kernel.flatten(1).t() + w.get('patch_embed.proj.bias', 0))
            prefix = [t.expand(count, -1) for name in ('cls_token', 'dist_token', 'reg_token') if name in w for t in w[name][0]]
            positions, patches = w['pos_embed'][0] if 'pos_embed' in w else [], len(rows)
            # Positions belong to the last tokens: to all of them, or to the patches only.
            rows = prefix + rows
            for t in range(len(positions)):
                at = len(rows) - len(positions) + t
                rows[at] = rows[at] + positions[t]
            x = torch.stack(rows, 1)
            if 'patch_embed.norm.weight' in w:
                x = norm(x, w, 'patch_embed.norm', spec['eps'])
            if 'norm_pre.weight' in w:
                x = norm(x, w, 'norm_pre', spec['eps'])
            for i, b in enumerate(spec['blocks']):
                p = 'blocks.%d.' % i
                if p + 'downsample.norm.weight' in w:
                    x = downsample(x, w, p, spec['eps'])
                    patches = x.shape[1]
                if b['linear']:
                    x = linear(x, w, p + 'linear')
                    continue
                if b['heads']:
                    x = x + (windowed if b['window'] else attention)(norm(x, w, p + 'norm1', b['eps']), w, p, b)
                if b['mixer'] is not None:
                    mean = sum(x[:, t] for t in range(x.shape[1])) / x.shape[1]
                    shift = (w[p + 'mixer.up.weight'] @ (w[p + 'mixer.down.weight'] @ mean.t())).t() if b['mixer'] else 0 * mean
                    x = torch.stack([x[:, t] + w[p + 'mixer.bias'][t] + shift for t in range(x.shape[1])], 1)
                if b['hidden']:
                    x = x + mlp(norm(x, w, p + 'norm2', b['eps']), w, p)
            def read_out(x):
                return sum(x[:, -1 - t] for t in range(patches)) / patches if spec['average'] else x[:, 0]
            pooled = norm(read_out(x), w, 'fc_norm', spec['eps']) if 'fc_norm.weight' in w else read_out(norm(x, w, 'norm', spec['eps']))
            logits = linear(pooled, w, 'head') if 'head.weight' in w else pooled
            if 'head_dist.weight' in w:
                logits = (logits + linear(norm(x, w, 'norm', spec['eps'])[:, 1], w, 'head_dist')) * 0.5
            print(' '.join(repr(v) for v in logits.flatten().tolist()))
        """;

    /// <summary>What the script must be told of a network whose tensors, and pixels, lie in a file.</summary>
    public static object Spec(VitArchitecture net, string file) => new
    {
        file,
        patch = net.PatchSize,
        eps = net.LayerNormEps,
        average = net.Pool == Pooling.Average,
        blocks = net.Blocks.Select(b => new
        {
            heads = b.Heads, qk = b.QkDim, v = b.VDim, hidden = b.MlpHidden, linear = b.IsLinear,
            mixer = b.MixerRank, window = b.Window, shift = b.Shift, scale = b.AttentionScale, eps = b.NormEps ?? net.LayerNormEps,
        }),
    };

    /// <summary>Each line of the output holds one network's logits; <paramref name="tolerance"/> is relative to the largest.</summary>
    public static void ShouldAgree(string output, IReadOnlyList<Tensor> expected, double tolerance)
    {
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(expected.Count);
        for (var i = 0; i < lines.Length; i++)
        {
            var actual = Tensor.From<double>([.. lines[i].Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))]);
            var own = expected[i].Reshape(-1).To(DType.Float64);
            actual.Shape.ShouldBe(own.Shape, $"network {i}");
            (actual - own).Abs().Max().Item().ShouldBeLessThan(tolerance * own.Abs().Max().Item(), $"network {i}");
        }
    }
}
