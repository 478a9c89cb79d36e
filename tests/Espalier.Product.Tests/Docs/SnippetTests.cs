using System.Reflection;
using Espalier.Product.Tests.Api;
using Espalier.Testing;

namespace Espalier.Product.Tests.Docs;

/// <summary>The C# of every page compiles against the libraries. One that shows its <c>using</c>s has no others; what else it takes as given, a comment before it declares.</summary>
public sealed class SnippetTests : IDisposable
{
    private const string Given = "given: ";
    private static readonly string[] s_libraries = ["Espalier.Torch", "Espalier.Models", "Espalier"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Snippets_compile()
    {
        var snippets = Pages.All.SelectMany(CodeBlock.Of).Where(b => b is { Language: "csharp", NotRun: null }).ToList();
        snippets.Count.ShouldBeGreaterThan(5);
        foreach (var (snippet, number) in snippets.Select((s, i) => (s, i))) _folder.Write($"Snippet{number}.cs", Program(snippet, number));
        _folder.Write("nuget.config", "<configuration><packageSources><clear /></packageSources></configuration>");
        _folder.Write("Snippets.csproj", $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net10.0</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
              </PropertyGroup>
              <ItemGroup>
                <Reference Include="{string.Join(';', s_libraries.Select(name => Path.Combine(AppContext.BaseDirectory, name + ".dll")))}" />
              </ItemGroup>
            </Project>
            """);
        var (code, output, error) = ChildProcess.Try(_folder.Path, "dotnet", "build", "-v", "q", "--nologo", "-p:NuGetAudit=false");
        code.ShouldBe(0, $"{string.Join('\n', snippets.Select((s, i) => $"Snippet{i}: {s.Page}"))}\n{output}\n{error}");
    }

    private static string Program(CodeBlock snippet, int number)
    {
        var lines = snippet.Text.Split('\n').ToLookup(line => line.StartsWith("using ", StringComparison.Ordinal) && line.EndsWith(';') && !line.Contains('='));
        var usings = lines[true].Any() ? lines[true] : s_libraries.SelectMany(name => PublicApiTests.Load(name).GetExportedTypes()).Select(t => t.Namespace).Distinct().Select(name => $"using {name};");
        return $$"""
            {{string.Join('\n', usings)}}
            namespace Snippets;
            internal static class Snippet{{number}}
            {
                private static void Run({{(snippet.Comment.StartsWith(Given, StringComparison.Ordinal) ? snippet.Comment[Given.Length..] : "")}})
                {
            {{string.Join('\n', lines[false])}}
                }
            }
            """;
    }
}
