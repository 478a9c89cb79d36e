using System.Reflection;
using System.Runtime.CompilerServices;

namespace Espalier.Product.Tests.Api;

/// <summary>What a program may expect of a library it takes in.</summary>
public sealed class LibraryManners
{
    public static TheoryData<string> Libraries => PublicApiTests.Libraries;

    [Theory]
    [MemberData(nameof(Libraries))]
    public void It_never_writes_to_the_console(string library)
    {
        // No reference to the assembly, no way to call it.
        PublicApiTests.Load(library).GetReferencedAssemblies().Select(a => a.Name).ShouldNotContain("System.Console");
        typeof(Cli.EspalierApp).Assembly.GetReferencedAssemblies().Select(a => a.Name).ShouldContain("System.Console", "the test would see one");
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    public void It_keeps_no_state_of_its_own(string library) =>
        PublicApiTests.Load(library).GetTypes()
            .Where(t => !IsGenerated(t))
            .SelectMany(t => t.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            // libtorch's modes belong to the thread, and so does the scope in use.
            .Where(f => !f.IsInitOnly && !f.IsLiteral && !IsGenerated(f) && !f.IsDefined(typeof(ThreadStaticAttribute)))
            .Select(f => $"{f.DeclaringType}.{f.Name}")
            .ShouldBeEmpty("static fields that can be set");

    private static bool IsGenerated(MemberInfo member) =>
        member.Name.Contains('<') || member.IsDefined(typeof(CompilerGeneratedAttribute)) || (member.DeclaringType is { } outer && IsGenerated(outer))
        // A measurement of coverage puts types of its own into the assembly.
        || (member is Type { Namespace: { } space } && (space.EndsWith(".Proto", StringComparison.Ordinal) || !space.StartsWith("Espalier", StringComparison.Ordinal)));
}
