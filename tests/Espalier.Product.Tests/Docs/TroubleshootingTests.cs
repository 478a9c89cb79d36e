using System.Text.RegularExpressions;
using Espalier.Testing;

namespace Espalier.Product.Tests.Docs;

/// <summary>The error texts the troubleshooting page explains are those that are shown.</summary>
public sealed partial class TroubleshootingTests
{
    [Fact]
    public void Each_heading_quotes_a_message()
    {
        var sources = string.Concat(new[] { "src", "eng" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(SharedData.Root, folder), "*", SearchOption.AllDirectories))
            .Where(f => f.EndsWith(".cs", StringComparison.Ordinal) || f.EndsWith(".sh", StringComparison.Ordinal)).Select(File.ReadAllText));
        // Texts that go over several lines of the source are joined, and the one name that is part of a quote is filled in.
        var messages = Joined().Replace(sources, "").Replace("{ModelFolder.WeightsFile}", "model.safetensors");
        var quotes = Quote().Matches(string.Join('\n', Pages.Read("docs/troubleshooting.md").Split('\n').Where(l => l.StartsWith("### `", StringComparison.Ordinal)))).Select(m => m.Groups["text"].Value).ToList();

        quotes.Count.ShouldBeGreaterThan(30);
        foreach (var part in quotes.SelectMany(q => q.Split('…', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
            messages.ShouldContain(part, Case.Sensitive, "no message has this text");
    }

    [GeneratedRegex("`(?<text>[^`]+)`")]
    private static partial Regex Quote();

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"")]
    private static partial Regex Joined();
}
