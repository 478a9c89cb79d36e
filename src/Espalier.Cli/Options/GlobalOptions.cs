using System.CommandLine;

namespace Espalier.Cli.Options;

/// <summary>What is asked of the program rather than of a command.</summary>
internal sealed class GlobalOptions
{
    public Option<bool> Help { get; } = new("--help", "-h", "-?") { Description = "This help.", Recursive = true };

    public Option<bool> Version { get; } = new("--version") { Description = "The version.", Recursive = true };

    public void AddTo(Command root)
    {
        root.Add(Help);
        root.Add(Version);
    }
}
