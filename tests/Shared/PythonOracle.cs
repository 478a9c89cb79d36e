using System.Collections.Concurrent;
using System.Diagnostics;

namespace Espalier.Testing;

/// <summary>
/// Runs a Python script and returns what it printed: a live reference for numbers that a peer also computes. The interpreter is
/// <c>ESPALIER_PYTHON</c>, else <c>/usr/bin/python3</c>; it inherits the environment, so both sides load the same libraries.
/// </summary>
internal static class PythonOracle
{
    private static readonly ConcurrentDictionary<string, string?> s_missing = new();

    private static string Interpreter => Environment.GetEnvironmentVariable("ESPALIER_PYTHON") ?? "/usr/bin/python3";

    /// <summary>Skips the running test, with the reason, unless every module can be imported.</summary>
    public static void Require(params string[] modules)
    {
        foreach (var module in modules)
        {
            var reason = s_missing.GetOrAdd(module, m => Probe(m));
            Skip.If(reason is not null, reason);
        }
    }

    /// <summary>Runs a script given as text; the modules it needs are checked first. Returns standard output.</summary>
    /// <exception cref="InvalidOperationException">The script failed; the message carries its standard error.</exception>
    public static string Run(string script, string[] modules, params string[] arguments)
    {
        Require(modules);
        var (code, output, error) = Start(["-c", script, .. arguments]);
        return code == 0 ? output : throw new InvalidOperationException($"the Python script failed with {code}:\n{error}");
    }

    private static string? Probe(string module)
    {
        try
        {
            var (code, _, error) = Start(["-c", $"import {module}"]);
            return code == 0 ? null : $"{Interpreter} cannot import {module}: {error.Trim().Split('\n')[^1]}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"{Interpreter} cannot be started: {e.Message}";
        }
    }

    private static (int Code, string Output, string Error) Start(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Interpreter, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(2)))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException("the Python script took longer than two minutes");
        }
        return (process.ExitCode, output.Result, error.Result);
    }
}
