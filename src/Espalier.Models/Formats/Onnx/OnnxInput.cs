using static Espalier.Models.Formats.Onnx.Proto.TensorProto.Types;

namespace Espalier.Models.Formats.Onnx;

/// <summary>The input of every graph, whatever the network.</summary>
internal static class OnnxInput
{
    /// <summary>Adds the input <c>pixels</c> [batch, C, S, S], or <c>image</c> (bytes of the same shape) with its normalisation; returns the pixels.</summary>
    public static string Pixels(this OnnxGraph graph, Model model, OnnxOptions options)
    {
        var net = model.Architecture;
        return options.WithNormalization ? graph.NormalisedImage(model) : graph.Input("pixels", DataType.Float, net.Channels, net.ImageSize, net.ImageSize);
    }

    // (v / 255 − mean) / std, as (v − 255·mean) / (255·std): bytes and their differences are exact.
    private static string NormalisedImage(this OnnxGraph graph, Model model)
    {
        var (net, mean, std) = (model.Architecture, model.Preprocessing.Mean, model.Preprocessing.Std);
        var image = graph.Input("image", DataType.Uint8, net.Channels, net.ImageSize, net.ImageSize);
        var values = graph.Node("image.values", "Cast", [image], OnnxGraph.Attribute("to", (long)DataType.Float));
        var centred = graph.Sub("image.centred", values, graph.Floats("image.mean", [.. mean.Select(m => (float)(255 * m))], net.Channels, 1, 1));
        return graph.Div("pixels", centred, graph.Floats("image.std", [.. std.Select(s => (float)(255 * s))], net.Channels, 1, 1));
    }
}
