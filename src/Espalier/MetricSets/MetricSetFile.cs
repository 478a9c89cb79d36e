using System.Globalization;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;

namespace Espalier.MetricSets;

/// <summary>The metric set as an exact tensor in a safetensors file: <c>images</c> [n, C, S, S], normalised, and <c>targets</c> [n].</summary>
/// <param name="Images">Row-major values.</param>
/// <param name="Shape">[n, C, S, S].</param>
/// <param name="Steps">Iterations of the synthesis; 0 for real images.</param>
public sealed record MetricSetFile(float[] Images, long[] Shape, long Steps)
{
    public const string FileName = "metric-set.safetensors";

    /// <summary>Writes a set whole or not at all.</summary>
    public static void Write(string folder, Tensor images, Tensor? targets, long steps)
    {
        Dictionary<string, Tensor> tensors = new() { ["images"] = images };
        if (targets is not null) tensors["targets"] = targets;
        SafetensorsWriter.Write(Path.Combine(folder, FileName), tensors.ToTensorData(),
            new Dictionary<string, string> { ["steps"] = steps.ToString(CultureInfo.InvariantCulture) });
    }

    /// <summary>Reads a set back.</summary>
    /// <exception cref="InputException">The file is missing or damaged.</exception>
    public static MetricSetFile Read(string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, FileName));
        var steps = file.Metadata.TryGetValue("steps", out var text) && long.TryParse(text, CultureInfo.InvariantCulture, out var n) ? n : 0;
        return new MetricSetFile(file.ReadFloats("images"), [.. file.Info("images").Shape], steps);
    }

    /// <summary>The images as a tensor of the current scope.</summary>
    public Tensor ToTensor(string device) => Tensor.From<float>(Images, Shape, device);

    /// <summary>The images as people see them: x·std + mean, clamped to [0, 1], eight bits.</summary>
    public IEnumerable<ImageBuffer> ToImages(Preprocessing preprocessing)
    {
        int channels = (int)Shape[1], side = (int)Shape[2], plane = side * side;
        for (var i = 0; i < Shape[0]; i++)
        {
            var pixels = new byte[channels * plane];
            for (var c = 0; c < channels; c++)
                for (var p = 0; p < plane; p++)
                {
                    var level = Images[(i * channels + c) * plane + p] * preprocessing.Std[c] + preprocessing.Mean[c];
                    pixels[p * channels + c] = (byte)Math.Round(255 * Math.Clamp(level, 0, 1));
                }
            yield return new ImageBuffer(side, side, channels, pixels);
        }
    }
}
