namespace Espalier.Models.Data;

/// <summary>
/// For each output position along one axis: which input positions it takes and with what weights, as Pillow computes them.
/// The filter is widened by the shrink factor (antialiasing) and its weights are rounded to 22 fractional bits.
/// </summary>
internal sealed class FilterWeights
{
    /// <summary>32 bits less 8 for the result less 2 for filters with negative parts.</summary>
    public const int PrecisionBits = 32 - 8 - 2;

    // 256 MiB: sides of some ten million pixels.
    private const int MostValues = 1 << 26;

    /// <summary>
    /// Weights of the outputs <paramref name="from"/> … from + count − 1 of a resize from <paramref name="input"/> to
    /// <paramref name="output"/>.
    /// </summary>
    /// <exception cref="InputException">The side is too long for the weights to be held.</exception>
    public FilterWeights(int input, int output, int from, int count, Interpolation filter)
    {
        var scale = (double)input / output;
        var filterScale = Math.Max(scale, 1.0);
        var support = (filter == Interpolation.Bicubic ? 2.0 : 1.0) * filterScale;
        Stride = (int)Math.Ceiling(support) * 2 + 1;
        if ((long)count * Stride > MostValues)
            throw new InputException($"A side of {input:N0} pixels cannot be resized to {output}: it would take {(long)count * Stride:N0} weights. Crop it first.");
        Starts = new int[count];
        Counts = new int[count];
        Values = new int[count * Stride];
        Span<double> weights = Stride <= 256 ? stackalloc double[Stride] : new double[Stride];
        var inverse = 1.0 / filterScale;
        for (var i = 0; i < count; i++)
        {
            var center = (from + i + 0.5) * scale;
            var start = Math.Max(0, (int)(center - support + 0.5));
            var taps = Math.Min(input, (int)(center + support + 0.5)) - start;
            double sum = 0;
            for (var x = 0; x < taps; x++)
            {
                var position = (x + start - center + 0.5) * inverse;
                weights[x] = filter == Interpolation.Bicubic ? Cubic(position) : Math.Max(0, 1 - Math.Abs(position));
                sum += weights[x];
            }
            for (var x = 0; x < taps; x++)
            {
                var weight = sum != 0 ? weights[x] / sum : weights[x];
                Values[i * Stride + x] = (int)((weight < 0 ? -0.5 : 0.5) + weight * (1 << PrecisionBits));
            }
            Starts[i] = start;
            Counts[i] = taps;
        }
    }

    /// <summary>First input position of each output.</summary>
    public int[] Starts { get; }

    /// <summary>How many input positions each output takes, at most <see cref="Stride"/>.</summary>
    public int[] Counts { get; }

    /// <summary>Room for each output's weights in <see cref="Values"/>.</summary>
    public int Stride { get; }

    /// <summary>Weights in units of 2⁻²², <see cref="Stride"/> for each output.</summary>
    public int[] Values { get; }

    // Keys' cubic with a = -0.5, in Pillow's order of operations.
    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
        return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
    }
}
