using System.Diagnostics;
using Espalier.Testing;

namespace Espalier.Product.Tests;

/// <summary>A program run from a folder of its own, as a user's shell would: nothing of the test's own .NET leaks into it.</summary>
internal static class ChildProcess
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(3);

    /// <summary>What it wrote to stdout, after it ended well.</summary>
    public static string Run(string folder, string program, params string[] arguments)
    {
        var (code, output, error) = Try(folder, program, arguments);
        code.ShouldBe(0, $"{program} {string.Join(' ', arguments)}\n{output}\n{error}");
        return output;
    }

    public static (int Code, string Output, string Error) Try(string folder, string program, params string[] arguments)
    {
        using var process = Start(folder, program, arguments);
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} took longer than {s_patience.TotalMinutes} minutes.");
        }
        return (process.ExitCode, output.Result, error.Result);
    }

    public static Process Start(string folder, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(n => n.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase) || n.StartsWith("VSTEST", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        // What the launcher of a checkout sets, an installed program has to do without.
        start.Environment.Remove("LD_LIBRARY_PATH");
        start.Environment.Remove("ESPALIER_HOME");
        start.Environment["DOTNET_NOLOGO"] = start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        return Process.Start(start)!;
    }

    /// <summary>The built program of a sample.</summary>
    public static string Sample(string name) => Path.Combine(SharedData.Root, "artifacts", "bin", name, Configuration, name + ".dll");

    // The tests lie in .../bin/PROJECT/CONFIGURATION.
    public static string Configuration => Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
}
