using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Cnn;

/// <summary>
/// The forward pass as an ONNX graph, written from the architecture: what <see cref="CnnForward"/> computes. BatchNorms stay operators of their
/// own, so that every weight keeps its name; runtimes fold them into the convolutions.
/// </summary>
internal sealed class CnnOnnx
{
    private readonly CnnArchitecture _net;
    private readonly Weights _weights;
    private readonly OnnxGraph _graph;

    private CnnOnnx(CnnModel model, int opset) => (_net, _weights, _graph) = (model.Architecture, model.Weights, new OnnxGraph(model.Architecture.Name, opset));

    /// <summary>The graph with all weights: output <c>logits</c> [batch, classes], or <c>features</c> [batch, D] of a network without a head.</summary>
    public static GraphProto Graph(CnnModel model, OnnxOptions options)
    {
        using var scope = new TensorScope();
        var cnn = new CnnOnnx(model, options.Opset);
        cnn.Head(cnn.Features(cnn._graph.Pixels(model, options)));
        return cnn._graph.Proto;
    }

    private string Features(string pixels)
    {
        var x = Layer(CnnLayers.Stem(_net), pixels);
        if (_net.Stem.Pool)
            x = _graph.Node("maxpool", "MaxPool", [x],
                OnnxGraph.Attribute("kernel_shape", [3, 3]), OnnxGraph.Attribute("pads", [1, 1, 1, 1]), OnnxGraph.Attribute("strides", [2, 2]));
        for (var i = 0; i < _net.Depth; i++) x = Block(i, x);
        return CnnLayers.Head(_net) is { } head ? Layer(head, x) : x;
    }

    private string Block(int i, string x)
    {
        var (block, prefix) = (_net.Blocks[i], _net.Prefix(i));
        if (block.Kind == CnnBlockKind.Dropped) return x;
        var branch = CnnLayers.Branch(_net, i).Aggregate(x, (y, layer) => Layer(layer, y));
        if (!block.IsResidual) return branch;
        var sum = _graph.Add(prefix + "added", branch, CnnLayers.Shortcut(_net, i) is { } shortcut ? Layer(shortcut, x) : x);
        return _net.Style == CnnStyle.ResNet ? _graph.Node(prefix + "act", "Relu", [sum]) : sum;
    }

    private string Layer(ConvLayer layer, string x)
    {
        var conv = _graph.Node(layer.Conv, "Conv", [x, Weight(layer.Conv + ".weight")],
            OnnxGraph.Attribute("kernel_shape", [layer.Kernel, layer.Kernel]), OnnxGraph.Attribute("strides", [layer.Stride, layer.Stride]),
            OnnxGraph.Attribute("pads", [layer.Padding, layer.Padding, layer.Padding, layer.Padding]), OnnxGraph.Attribute("group", (long)layer.Groups));
        var norm = _graph.Node(layer.Norm, "BatchNormalization",
            [conv, Weight(layer.Norm + ".weight"), Weight(layer.Norm + ".bias"), Weight(layer.Norm + ".running_mean"), Weight(layer.Norm + ".running_var")],
            OnnxGraph.Attribute("epsilon", _net.NormEps));
        if (!layer.Activates) return norm;
        return _net.Style == CnnStyle.ResNet ? _graph.Node(layer.Norm + ".act", "Relu", [norm])
            : _graph.Node(layer.Norm + ".act", "Clip", [norm, _graph.Scalar("relu6.low", 0), _graph.Scalar("relu6.high", 6)]);
    }

    private void Head(string features)
    {
        var pooled = _graph.Node("pooled", "GlobalAveragePool", [features]);
        if (_net.Classes == 0)
        {
            _graph.Output(_graph.Node("features", "Flatten", [pooled], OnnxGraph.Attribute("axis", 1L)), _net.Features);
            return;
        }
        var flat = _graph.Node("pooled.flat", "Flatten", [pooled], OnnxGraph.Attribute("axis", 1L));
        _graph.Node("logits", "Gemm", [flat, Weight(_net.Classifier + ".weight"), Weight(_net.Classifier + ".bias")], OnnxGraph.Attribute("transB", 1L));
        _graph.Output("logits", _net.Classes);
    }

    private string Weight(string name) => _graph.Weight(name, _weights[name]);
}
