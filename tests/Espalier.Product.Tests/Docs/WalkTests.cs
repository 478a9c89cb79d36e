using System.Reflection;
using System.Text.RegularExpressions;
using Espalier.Product.Tests.Api;
using Espalier.Testing;

namespace Espalier.Product.Tests.Docs;

/// <summary>Whatever <c>docs/walk.md</c> names is where it says it is.</summary>
public sealed partial class WalkTests
{
    private const string Page = "docs/walk.md";
    private const BindingFlags Anything = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static;

    private static readonly ILookup<string, Type> s_types = new[] { "Espalier.Torch", "Espalier.Models", "Espalier" }.Select(PublicApiTests.Load)
        .Append(typeof(Cli.EspalierApp).Assembly).SelectMany(a => a.GetTypes()).ToLookup(t => t.Name);

    [Fact]
    public void Every_member_exists_in_the_file_it_links_to()
    {
        var references = Reference().Matches(Pages.Read(Page));
        references.Count.ShouldBeGreaterThan(200);
        foreach (var match in references.AsEnumerable())
        {
            var (name, file) = (match.Groups["name"].Value, match.Groups["file"].Value);
            var text = File.ReadAllText(Path.Combine(SharedData.Root, "docs", file));
            var (typeName, member) = name.Split('.') is [var t, var m] ? (t, m) : (name, null);
            var types = s_types[typeName].ToList();
            types.ShouldNotBeEmpty($"{name}: there is no such type");
            Regex.IsMatch(text, $@"(class|record|enum|struct|interface|delegate \S+)\s+{typeName}\b").ShouldBeTrue($"{name} is not declared in {file}");
            if (member is null) continue;
            types.ShouldContain(type => type.GetMember(member, Anything).Length > 0, $"{name}: there is no such member");
            Regex.IsMatch(text, $@"\b{Regex.Escape(member)}\b").ShouldBeTrue($"{name} is not in {file}");
        }
    }

    [Fact]
    public void Every_row_says_where_or_why_not()
    {
        foreach (var row in Pages.Read(Page).Split('\n').Where(l => l.StartsWith('|') && !l.StartsWith("|---", StringComparison.Ordinal) && !l.EndsWith(" where |", StringComparison.Ordinal)))
        {
            var where = row.Split(" | ")[^1];
            (where.Contains("](../src/", StringComparison.Ordinal) || where.StartsWith("**—**", StringComparison.Ordinal)).ShouldBeTrue(row);
        }
    }

    [GeneratedRegex(@"\[`(?<name>[A-Z]\w*(\.\w+)?)`\]\((?<file>\.\./src/[^)]+\.cs)\)")]
    private static partial Regex Reference();
}
