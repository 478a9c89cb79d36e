namespace Espalier.Models.Cnn;

/// <summary>The tensors of a convolutional network under timm's names. What a compressed block lost is absent, not empty.</summary>
internal static class CnnTensors
{
    private const string Mean = ".running_mean", Variance = ".running_var";

    /// <summary>Every tensor, in the order of the forward pass.</summary>
    public static IEnumerable<TensorSpec> Expected(CnnArchitecture net)
    {
        foreach (var layer in CnnLayers.All(net))
        {
            yield return new(layer.Conv + ".weight", [layer.Outputs, layer.Inputs / layer.Groups, layer.Kernel, layer.Kernel]);
            foreach (var end in new[] { ".weight", ".bias", Mean, Variance }) yield return new(layer.Norm + end, [layer.Outputs]);
        }
        if (net.Classes == 0) yield break;
        yield return new(net.Classifier + ".weight", [net.Classes, net.Features]);
        yield return new(net.Classifier + ".bias", [net.Classes]);
    }

    /// <summary>Whether it is a running statistic of a BatchNorm.</summary>
    public static bool IsBuffer(string name) => name.EndsWith(Mean, StringComparison.Ordinal) || name.EndsWith(Variance, StringComparison.Ordinal);
}
