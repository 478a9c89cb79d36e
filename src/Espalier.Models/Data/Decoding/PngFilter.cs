namespace Espalier.Models.Data;

/// <summary>The five row filters of PNG (specification §9.2).</summary>
internal static class PngFilter
{
    /// <summary>How many there are, numbered from 0.</summary>
    public const byte Count = 5;

    /// <summary>
    /// Restores <paramref name="row"/>; <paramref name="above"/> is the restored row before it (zeros for the first of a pass).
    /// </summary>
    /// <param name="type">0 none, 1 sub, 2 up, 3 average, 4 Paeth.</param>
    /// <param name="row">The row without its filter byte.</param>
    /// <param name="above">As long as <paramref name="row"/>.</param>
    /// <param name="step">Bytes a pixel, at least 1.</param>
    public static void Undo(byte type, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        switch (type)
        {
            case 0:
                break;
            case 1:
                for (var i = step; i < row.Length; i++) row[i] += row[i - step];
                break;
            case 2:
                for (var i = 0; i < row.Length; i++) row[i] += above[i];
                break;
            case 3:
                for (var i = 0; i < row.Length; i++) row[i] += (byte)(((i < step ? 0 : row[i - step]) + above[i]) >> 1);
                break;
            case 4:
                for (var i = 0; i < row.Length; i++)
                    row[i] += i < step ? above[i] : Paeth(row[i - step], above[i], above[i - step]);
                break;
            default:
                throw new ImageFormatException($"the PNG file is corrupt: row filter {type} does not exist.");
        }
    }

    /// <summary>
    /// Filters <paramref name="row"/> into <paramref name="filtered"/>, which begins with the filter's number and is one byte longer.
    /// </summary>
    public static void Apply(byte type, ReadOnlySpan<byte> row, ReadOnlySpan<byte> above, int step, Span<byte> filtered)
    {
        filtered[0] = type;
        for (var i = 0; i < row.Length; i++)
        {
            byte left = i < step ? (byte)0 : row[i - step], corner = i < step ? (byte)0 : above[i - step];
            filtered[i + 1] = (byte)(row[i] - type switch
            {
                0 => 0,
                1 => left,
                2 => above[i],
                3 => (left + above[i]) >> 1,
                _ => Paeth(left, above[i], corner),
            });
        }
    }

    private static byte Paeth(int left, int up, int corner)
    {
        int a = Math.Abs(up - corner), b = Math.Abs(left - corner), c = Math.Abs(left + up - 2 * corner);
        return (byte)(a <= b && a <= c ? left : b <= c ? up : corner);
    }
}
