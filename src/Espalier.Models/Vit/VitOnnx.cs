using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;

namespace Espalier.Models.Vit;

/// <summary>
/// The forward pass as an ONNX graph, written from the architecture: method by method what <see cref="VitForward"/> computes. Input
/// <c>pixels</c> [batch, C, S, S] or <c>image</c> (bytes of the same shape), output <c>logits</c> [batch, classes], or <c>features</c>
/// [batch, D] of a network without a head.
/// </summary>
internal sealed class VitOnnx
{
    private readonly VitArchitecture _net;
    private readonly Weights _weights;
    private readonly OnnxGraph _graph;

    // How many tokens each one stands for, [batch, n, 1], once some were merged.
    private string? _sizes;

    private VitOnnx(VitModel model, Weights weights, int opset) =>
        (_net, _weights, _graph) = (model.Architecture, weights, new OnnxGraph(model.Architecture.Name, opset));

    /// <summary>The graph with all weights.</summary>
    public static GraphProto Graph(VitModel model, OnnxOptions options)
    {
        using var weights = Named(model);
        var vit = new VitOnnx(model, weights, options.Opset);
        vit.Head(vit.Norm(vit.Blocks(vit.Embed(vit._graph.Pixels(model, options)))));
        return vit._graph.Proto;
    }

    private string Embed(string pixels)
    {
        long d = _net.EmbedDim, patch = _net.PatchSize;
        var patches = _graph.Node("patch_embed.proj", "Conv",
            [pixels, Weight("patch_embed.proj.weight"), .. _net.PatchBias ? [Weight("patch_embed.proj.bias")] : Nothing],
            OnnxGraph.Attribute("kernel_shape", patch, patch), OnnxGraph.Attribute("strides", patch, patch));
        var tokens = _graph.Transpose("patch_embed", _graph.Reshape("patch_embed.flat", patches, 0, d, _net.Patches), 0, 2, 1);
        if (_net.Staged) return _graph.LayerNorm("patch_embed.norm", tokens, _weights, _net.LayerNormEps);
        if (!_net.EmbedPrefix) tokens = _graph.Add("patch_embed.placed", tokens, Weight("pos_embed"));
        if (_net.PrefixTokens > 0)
            tokens = _graph.Node("tokens", "Concat",
                [.. VitTensors.Prefix(_net).Select(t => _graph.PerImage(t.Name + ".batched", Weight(t.Name), pixels, t.Shape[1], d)), tokens],
                OnnxGraph.Attribute("axis", 1));
        if (_net.EmbedPrefix) tokens = _graph.Add("tokens.placed", tokens, Weight("pos_embed"));
        return _net.PreNorm ? _graph.LayerNorm("norm_pre", tokens, _weights, _net.LayerNormEps) : tokens;
    }

    private string Blocks(string tokens)
    {
        for (var i = 0; i < _net.Depth; i++) tokens = Block(i, tokens);
        return tokens;
    }

    private string Block(int i, string x)
    {
        x = Downsample(i, x);
        return _net.Blocks[i].IsLinear ? Linear(Prefix(i) + "linear", x) : AfterMlp(i, AfterAttention(i, x));
    }

    private string Downsample(int i, string x)
    {
        if (_net.Blocks[i].DownsampleDim == 0) return x;
        var name = VitTensors.FileName(_net, $"blocks.{i}.downsample.");
        var neighbours = _graph.Neighbours(name, x, _net.GridOf(i - 1), _net.GridOf(i), _net.WidthOf(i - 1));
        return Linear(name + "reduction", _graph.LayerNorm(name + "norm", neighbours, _weights, _net.LayerNormEps));
    }

    private string AfterAttention(int i, string x)
    {
        var (block, prefix) = (_net.Blocks[i], Prefix(i));
        if (block.HasMixer) return _graph.Add(prefix + "mixer.added", x, Mixer(i, x));
        if (!block.HasAttention) return x;
        var (outputs, keys) = HeadOutputs(i, BlockNorm(i, 1, x));
        x = _graph.Add(prefix + "attn.added", x, LayerScale(i, "ls1", Linear(prefix + "attn.proj", outputs)));
        if (block.TokensMerged > 0)
            (x, _sizes) = _graph.MergeTokens(prefix + "merge.", x, _sizes, keys, (_net.TokensInto(i), _net.EmbedDim, _net.PrefixTokens, block.TokensMerged));
        return x;
    }

    private (string Outputs, string Keys) HeadOutputs(int i, string x)
    {
        var (block, prefix) = (_net.Blocks[i], Prefix(i) + "attn.");
        var windows = WindowLayout.Of(block, _net.TokensInto(i));
        if (windows is not null) x = _graph.SplitWindows(prefix, x, windows, _net.WidthOf(i));
        long n = windows?.Size ?? _net.TokensInto(i), heads = block.Heads, qk = block.QkDim, v = block.VDim;
        string[] parts = [prefix + "q", prefix + "k", prefix + "v"];
        _graph.Nodes(parts, "Split",
            [Linear(prefix + "qkv", x), _graph.Integers(prefix + "widths", heads * qk, heads * qk, heads * v)], OnnxGraph.Attribute("axis", -1));
        var q = _graph.Transpose(parts[0] + ".heads", QkNormed(i, "q_norm", Split(parts[0], n, heads, qk)), 0, 2, 1, 3);
        var k = _graph.Transpose(parts[1] + ".heads", QkNormed(i, "k_norm", Split(parts[1], n, heads, qk)), 0, 2, 3, 1);
        var values = _graph.Transpose(parts[2] + ".heads", Split(parts[2], n, heads, v), 0, 2, 1, 3);
        var scale = _graph.Scalar(prefix + "scale", block.AttentionScale ?? 1 / Math.Sqrt(qk));
        var scores = _graph.MatMul(prefix + "scores", _graph.Mul(prefix + "q.scaled", q, scale), k);
        if (_sizes is not null)
            scores = _graph.Add(prefix + "scores.sized", scores, _graph.Reshape(prefix + "sizes", _graph.Node(prefix + "sizes.log", "Log", [_sizes]), 0, 1, 1, n));
        if (windows is not null) scores = _graph.Place(prefix, scores, windows, _weights[prefix + "relative_position_bias_table"]);
        var mixed = _graph.MatMul(prefix + "heads", _graph.Softmax(prefix + "attention", scores), values);
        var outputs = _graph.Reshape(prefix + "head_outputs", _graph.Transpose(prefix + "heads.beside", mixed, 0, 2, 1, 3), 0, n, heads * v);
        return (windows is null ? outputs : _graph.JoinWindows(prefix, outputs, windows, heads * v), k);
    }

    private string Split(string part, long tokens, long heads, long width) =>
        _graph.Reshape(part + ".split", part, 0, tokens, heads, width);

    private string QkNormed(int i, string norm, string x) =>
        _net.Blocks[i].QkNorm ? _graph.LayerNorm($"{Prefix(i)}attn.{norm}", x, _weights, Eps(i)) : x;

    private string LayerScale(int i, string scale, string branch) => !_net.Blocks[i].LayerScale ? branch
        : _graph.Mul(Prefix(i) + scale, branch, Weight($"{Prefix(i)}{scale}.gamma"));

    private string AfterMlp(int i, string x)
    {
        var prefix = Prefix(i) + "mlp.";
        if (!_net.Blocks[i].HasMlp) return x;
        var rows = Linear(prefix + "fc1", BlockNorm(i, 2, x));
        var hidden = _net.Blocks[i].GatedMlp ? Gated(prefix, rows, _net.Blocks[i].MlpHidden) : _graph.Gelu(prefix + "act", rows);
        return _graph.Add(prefix + "added", x, LayerScale(i, "ls2", Linear(prefix + "fc2", hidden)));
    }

    private string Gated(string prefix, string rows, long hidden)
    {
        string[] halves = [prefix + "gate", prefix + "value"];
        _graph.Nodes(halves, "Split", [rows, _graph.Integers(prefix + "halves", hidden, hidden)], OnnxGraph.Attribute("axis", -1));
        var act = _graph.Mul(prefix + "act", halves[0], _graph.Node(prefix + "sigmoid", "Sigmoid", [halves[0]]));
        return _graph.Mul(prefix + "hidden", act, halves[1]);
    }

    private string Norm(string tokens) => _net.FcNorm ? tokens : FinalNorm(tokens);

    private string FinalNorm(string x) => _graph.LayerNorm(_net.FinalNorm, x, _weights, _net.LayerNormEps);

    // What the head reads, [batch, D]: the first token, or the mean of the patches.
    private string Pool(string features)
    {
        if (_net.Pool == Pooling.Token) return _graph.Token("pooled", features, 0);
        var patches = _net.PrefixTokens > 0 ? _graph.Tokens("patches", features, _net.PrefixTokens, _net.Tokens) : features;
        return _graph.MeanOfTokens("pooled", patches, keepDim: false);
    }

    private void Head(string features)
    {
        var pooled = Pool(features);
        if (_net.FcNorm) pooled = FinalNorm(pooled);
        if (_net.Classes == 0)
        {
            _graph.Output(_graph.Node("features", "Identity", [pooled]), _net.Features);
            return;
        }
        if (_net.DistHead)
        {
            var both = _graph.Add("heads.sum", Gemm("head", "head", pooled), Gemm("head_dist", "head_dist", _graph.Token("dist", features, 1)));
            _graph.Mul("logits", both, _graph.Scalar("heads.half", 0.5));
        }
        else Gemm("logits", _net.Staged ? "head.fc" : "head", pooled);
        _graph.Output("logits", _net.Classes);
    }

    private string Gemm(string name, string layer, string x) =>
        _graph.Node(name, "Gemm", [x, Weight(layer + ".weight"), Weight(layer + ".bias")], OnnxGraph.Attribute("transB", 1));

    private string Mixer(int i, string x)
    {
        var prefix = Prefix(i) + "mixer.";
        var bias = Weight(prefix + "bias");
        if (_net.Blocks[i].MixerRank == 0) return bias;
        var mean = _graph.MeanOfTokens(prefix + "mean", x, keepDim: true);
        return _graph.Add(prefix + "shift", Linear(prefix + "up", Linear(prefix + "down", mean)), bias);
    }

    private string BlockNorm(int i, int which, string x) =>
        _graph.LayerNorm($"{Prefix(i)}norm{which}", x, _weights, Eps(i));

    private double Eps(int i) => _net.Blocks[i].NormEps ?? _net.LayerNormEps;

    private string Linear(string name, string x) => _graph.Linear(name, x, _weights);

    // What the names of a block's tensors begin with.
    private string Prefix(int i) => VitTensors.FileName(_net, $"blocks.{i}.");

    // The same tensors under the names they have in files.
    private static Weights Named(VitModel model)
    {
        var weights = new Weights();
        foreach (var (name, tensor) in model.FileTensors()) weights.Set(name, tensor.Alias());
        return weights;
    }

    private static string[] Nothing => [];

    private string Weight(string name) => _graph.Weight(name, _weights[name]);
}
