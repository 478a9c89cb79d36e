namespace Espalier.Reports;

/// <summary>Files that are part of the program and go into every page.</summary>
internal static class Assets
{
    /// <summary>The page's looks: readable at phone width and on paper, light and dark, nothing loaded from elsewhere.</summary>
    internal static string Style { get; } = Text("report.css");

    /// <summary>What draws the charts.</summary>
    internal static string Script { get; } = Text("report.js");

    /// <summary>Vega-Lite and what it needs, gzip in base64; null when the program was built without.</summary>
    internal static string? Vega { get; } = Read("charts.js.gz") is { } packed ? Convert.ToBase64String(packed) : null;

    private static string Text(string name) => System.Text.Encoding.UTF8.GetString(Read(name)!);

    private static byte[]? Read(string name)
    {
        using var stream = typeof(Assets).Assembly.GetManifestResourceStream(name);
        if (stream is null) return null;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
