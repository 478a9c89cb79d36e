using System.Diagnostics;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Faults;

/// <summary>A file system of a few kilobytes; tests that need it skip where none can be mounted.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SmallDisk(int kilobytes)
    {
        var (code, error) = Run("mount", "-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", _folder.Path);
        if (code == 0) return;
        _folder.Dispose();
        Skip.If(true, $"cannot mount a tmpfs (needs root): {error}");
    }

    public string this[string name] => _folder[name];

    public void Remount(string options) => Run("mount", "-o", $"remount,{options}", _folder.Path).Code.ShouldBe(0);

    public void Dispose()
    {
        Run("umount", "-l", _folder.Path);
        _folder.Dispose();
    }

    private static (int Code, string Error) Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEnd().Trim();
            process.WaitForExit();
            return (process.ExitCode, error);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return (1, error.Message);
        }
    }
}
