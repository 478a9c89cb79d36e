using System.Diagnostics;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Small checkpoints of the kinds people save, written by PyTorch itself where Python has it.</summary>
internal static class PyTorchSeeds
{
    private const string Script = """
        import argparse, collections, os, sys, torch
        os.chdir(sys.argv[1])
        torch.manual_seed(0)
        flat = torch.randn(12)
        tensors = collections.OrderedDict([('a.weight', torch.randn(2, 3)), ('half', torch.randn(3).half()), ('view', flat[2:8]), ('turned', torch.randn(2, 3).t()),
            ('expanded', torch.randn(1, 2).expand(3, 2)), ('scalar', torch.tensor(1.5)), ('parameter', torch.nn.Parameter(torch.randn(2)))])
        args = argparse.Namespace(lr=0.1, nested=[1, {'b': (None, True)}], dtype=torch.float32)
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
        values = {'plain': tensors, 'training': {'model': tensors, 'model_ema': {'module': tensors}, 'optimizer': {'state': {0: {'step': 3}}, 'param_groups': [{'params': [0]}]}, 'args': args, 'big': 1 << 80},
            'whole': net}
        for name, value in values.items():
            torch.save(value, 'zip-' + name + '.pth')
            torch.save(value, 'legacy-' + name + '.pth', _use_new_zipfile_serialization=False)
        """;

    /// <summary>The folder they lie in; null, and a word on stderr, when they cannot be made.</summary>
    public static string? In(string output)
    {
        var folder = Directory.CreateDirectory(Path.Combine(output, "seeds")).FullName;
        if (Directory.EnumerateFiles(folder, "*.pth").Any()) return folder;
        try
        {
            using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", Script, folder]) { Environment = { ["LD_LIBRARY_PATH"] = "" } })!;
            python.WaitForExit();
            if (python.ExitCode == 0) return folder;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // Said below.
        }
        Console.Error.WriteLine("no checkpoints by PyTorch among the seeds (Debian package python3-torch)");
        return null;
    }
}
