using System.Text.RegularExpressions;
using Espalier.Testing;

namespace Espalier.Product.Tests.Docs;

/// <summary>Every link of a page leads to a file or a heading that is there. Other hosts are not asked.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> AllPages => [.. Pages.All];

    [Theory]
    [MemberData(nameof(AllPages))]
    public void Links_lead_somewhere(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(SharedData.Root, page))!;
        foreach (var target in Link().Matches(Pages.Read(page)).Select(m => m.Groups["target"].Value).Where(t => !t.Contains("://", StringComparison.Ordinal)))
        {
            var (file, anchor) = target.Split('#', 2) is [var f, var a] ? (f, a) : (target, "");
            var path = file.Length == 0 ? Path.Combine(SharedData.Root, page) : Path.GetFullPath(Path.Combine(folder, file));
            Path.Exists(path).ShouldBeTrue($"{page} links to {target}");
            path.ShouldStartWith(SharedData.Root);
            if (anchor.Length > 0) Heading().Matches(File.ReadAllText(path)).Select(h => Anchor(h.Groups["text"].Value)).ShouldContain(anchor, $"{page} links to {target}");
        }
    }

    [Fact]
    public void Every_page_of_the_documentation_can_be_reached_from_its_first()
    {
        var seen = new HashSet<string> { "docs/README.md" };
        var open = new Queue<string>(seen);
        while (open.TryDequeue(out var page))
            foreach (var target in Link().Matches(Pages.Read(page)).Select(m => m.Groups["target"].Value.Split('#')[0]).Where(t => t.EndsWith(".md", StringComparison.Ordinal)))
                if (!target.Contains("://", StringComparison.Ordinal)
                    && Path.GetRelativePath(SharedData.Root, Path.GetFullPath(Path.Combine(SharedData.Root, Path.GetDirectoryName(page)!, target))) is var next && seen.Add(next))
                    open.Enqueue(next);
        Pages.All.Where(p => p.StartsWith("docs/", StringComparison.Ordinal)).Except(seen).ShouldBeEmpty();
        Pages.Read("README.md").ShouldContain("(docs/README.md)");
    }

    // As GitHub makes them.
    private static string Anchor(string heading) => NotInAnchor().Replace(heading.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();
}
