using System.Reflection;

namespace Espalier;

/// <summary>The product's version, without the commit a build may append; all its assemblies have the same.</summary>
internal static class EspalierVersion
{
    public static string Text { get; } =
        typeof(EspalierVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
