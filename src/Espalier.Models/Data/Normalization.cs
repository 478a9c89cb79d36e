namespace Espalier.Models.Data;

/// <summary>
/// Bytes to normalised floats, (v / 255 − mean) / std per channel in single precision, by a table of 256 entries a channel.
/// </summary>
public sealed class Normalization
{
    private readonly float[][] tables;

    /// <summary>Means and deviations in [0,1] units, one each per channel (1 or 3).</summary>
    public Normalization(IReadOnlyList<double> mean, IReadOnlyList<double> std)
    {
        if (mean.Count != std.Count || mean.Count is not (1 or 3))
            throw new InputException($"Preprocessing has {mean.Count} means and {std.Count} deviations, not 1 or 3 of each.");
        tables = new float[mean.Count][];
        for (var c = 0; c < tables.Length; c++)
        {
            if (!(std[c] > 0)) throw new InputException($"Preprocessing has a deviation of {std[c]}; it must be over 0.");
            tables[c] = new float[256];
            for (var v = 0; v < 256; v++) tables[c][v] = (v / 255f - (float)mean[c]) / (float)std[c];
        }
    }

    /// <summary>1 or 3.</summary>
    public int Channels => tables.Length;

    /// <summary>One channel's value for each of the 256 bytes.</summary>
    internal ReadOnlySpan<float> Table(int channel) => tables[channel];

    /// <summary>H×W×C bytes to C×H×W floats; both spans have the same length.</summary>
    public void Apply(ReadOnlySpan<byte> pixels, Span<float> destination)
    {
        if (pixels.Length != destination.Length)
            throw new ArgumentException($"{pixels.Length} samples into {destination.Length} floats");
        var plane = pixels.Length / Channels;
        if (Channels == 1)
        {
            var table = tables[0];
            for (var i = 0; i < pixels.Length; i++) destination[i] = table[pixels[i]];
            return;
        }
        float[] red = tables[0], green = tables[1], blue = tables[2];
        Span<float> r = destination[..plane], g = destination.Slice(plane, plane), b = destination.Slice(2 * plane, plane);
        for (int i = 0, p = 0; i < plane; i++, p += 3)
        {
            b[i] = blue[pixels[p + 2]];
            g[i] = green[pixels[p + 1]];
            r[i] = red[pixels[p]];
        }
    }
}
