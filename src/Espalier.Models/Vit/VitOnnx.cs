using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using static Espalier.Models.Formats.Onnx.Proto.TensorProto.Types;

namespace Espalier.Models.Vit;

/// <summary>
/// The forward pass as an ONNX graph, written from the architecture: method by method what <see cref="VitForward"/> computes. Input
/// <c>pixels</c> [batch, C, S, S] or <c>image</c> (bytes of the same shape), output <c>logits</c> [batch, classes].
/// </summary>
internal sealed class VitOnnx
{
    private readonly VitModel _model;
    private readonly VitArchitecture _net;
    private readonly Weights _weights;
    private readonly OnnxGraph _graph;

    private VitOnnx(VitModel model, int opset) =>
        (_model, _net, _weights, _graph) = (model, model.Architecture, model.Weights, new OnnxGraph(model.Architecture.Name, opset));

    /// <summary>The graph with all weights.</summary>
    public static GraphProto Graph(VitModel model, OnnxOptions options)
    {
        var vit = new VitOnnx(model, options.Opset);
        vit.Head(vit.Norm(vit.Blocks(vit.Embed(options.WithNormalization ? vit.NormalisedImage() : vit.Pixels()))));
        return vit._graph.Proto;
    }

    private string Pixels() => _graph.Input("pixels", DataType.Float, _net.Channels, _net.ImageSize, _net.ImageSize);

    // (v / 255 − mean) / std, as (v − 255·mean) / (255·std): bytes and their differences are exact.
    private string NormalisedImage()
    {
        var (mean, std, channels) = (_model.Preprocessing.Mean, _model.Preprocessing.Std, _net.Channels);
        var image = _graph.Input("image", DataType.Uint8, channels, _net.ImageSize, _net.ImageSize);
        var values = _graph.Node("image.values", "Cast", [image], OnnxGraph.Attribute("to", (long)DataType.Float));
        var centred = _graph.Sub("image.centred", values, _graph.Floats("image.mean", [.. mean.Select(m => (float)(255 * m))], channels, 1, 1));
        return _graph.Div("pixels", centred, _graph.Floats("image.std", [.. std.Select(s => (float)(255 * s))], channels, 1, 1));
    }

    private string Embed(string pixels)
    {
        long d = _net.EmbedDim, patch = _net.PatchSize;
        var patches = _graph.Node("patch_embed.proj", "Conv",
            [pixels, Weight("patch_embed.proj.weight"), Weight("patch_embed.proj.bias")],
            OnnxGraph.Attribute("kernel_shape", patch, patch), OnnxGraph.Attribute("strides", patch, patch));
        var rows = _graph.Transpose("patch_embed", _graph.Reshape("patch_embed.flat", patches, 0, d, _net.Patches), 0, 2, 1);
        var cls = _graph.PerImage("cls_token.batched", Weight("cls_token"), pixels, 1, d);
        var tokens = _graph.Node("tokens", "Concat", [cls, rows], OnnxGraph.Attribute("axis", 1));
        return _graph.Add("embedded", tokens, Weight("pos_embed"));
    }

    private string Blocks(string tokens)
    {
        for (var i = 0; i < _net.Depth; i++) tokens = Block(i, tokens);
        return tokens;
    }

    private string Block(int i, string x) => _net.Blocks[i].IsLinear ? Linear($"blocks.{i}.linear", x) : AfterMlp(i, AfterAttention(i, x));

    private string AfterAttention(int i, string x)
    {
        var (block, prefix) = (_net.Blocks[i], $"blocks.{i}.");
        if (block.HasMixer) return _graph.Add(prefix + "mixer.added", x, Mixer(i, x));
        if (!block.HasAttention) return x;
        return _graph.Add(prefix + "attn.added", x, Linear(prefix + "attn.proj", HeadOutputs(i, BlockNorm(i, 1, x))));
    }

    private string HeadOutputs(int i, string x)
    {
        var (block, prefix) = (_net.Blocks[i], $"blocks.{i}.attn.");
        long n = _net.Tokens, heads = block.Heads, qk = block.QkDim, v = block.VDim;
        string[] parts = [prefix + "q", prefix + "k", prefix + "v"];
        _graph.Nodes(parts, "Split",
            [Linear(prefix + "qkv", x), _graph.Integers(prefix + "widths", heads * qk, heads * qk, heads * v)], OnnxGraph.Attribute("axis", -1));
        var q = Heads(parts[0], n, heads, qk, 0, 2, 1, 3);
        var k = Heads(parts[1], n, heads, qk, 0, 2, 3, 1);
        var values = Heads(parts[2], n, heads, v, 0, 2, 1, 3);
        var scale = _graph.Scalar(prefix + "scale", block.AttentionScale ?? 1 / Math.Sqrt(qk));
        var scores = _graph.MatMul(prefix + "scores", _graph.Mul(prefix + "q.scaled", q, scale), k);
        var mixed = _graph.MatMul(prefix + "heads", _graph.Softmax(prefix + "attention", scores), values);
        return _graph.Reshape(prefix + "head_outputs", _graph.Transpose(prefix + "heads.beside", mixed, 0, 2, 1, 3), 0, n, heads * v);
    }

    private string Heads(string part, long tokens, long heads, long width, params ReadOnlySpan<long> order) =>
        _graph.Transpose(part + ".heads", _graph.Reshape(part + ".split", part, 0, tokens, heads, width), order);

    private string AfterMlp(int i, string x)
    {
        var prefix = $"blocks.{i}.mlp.";
        if (!_net.Blocks[i].HasMlp) return x;
        return _graph.Add(prefix + "added", x, Linear(prefix + "fc2", _graph.Gelu(prefix + "act", Linear(prefix + "fc1", BlockNorm(i, 2, x)))));
    }

    private string Norm(string tokens) => _graph.LayerNorm("norm", tokens, _weights, _net.LayerNormEps);

    private void Head(string features)
    {
        var cls = _graph.Node("features", "Gather", [features, _graph.Index("class_token", 0)], OnnxGraph.Attribute("axis", 1));
        _graph.Node("logits", "Gemm", [cls, Weight("head.weight"), Weight("head.bias")], OnnxGraph.Attribute("transB", 1));
        _graph.Output("logits", _net.Classes);
    }

    private string Mixer(int i, string x)
    {
        var prefix = $"blocks.{i}.mixer.";
        var bias = Weight(prefix + "bias");
        if (_net.Blocks[i].MixerRank == 0) return bias;
        var mean = _graph.MeanOfTokens(prefix + "mean", x);
        return _graph.Add(prefix + "shift", Linear(prefix + "up", Linear(prefix + "down", mean)), bias);
    }

    private string BlockNorm(int i, int which, string x) =>
        _graph.LayerNorm($"blocks.{i}.norm{which}", x, _weights, _net.Blocks[i].NormEps ?? _net.LayerNormEps);

    private string Linear(string name, string x) => _graph.Linear(name, x, _weights);

    private string Weight(string name) => _graph.Weight(name, _weights[name]);
}
