using System.Collections.Concurrent;

namespace Espalier.Cli.Tests;

/// <summary>Tiny runs of the bundled model, each made when it is first asked for.</summary>
public sealed class ReportRuns : IDisposable
{
    private static readonly string Images = Path.Combine(SharedData.Root, "models", "fashion-vit", "images");
    private readonly TemporaryFolder _folder = new();
    private readonly ConcurrentDictionary<string, Lazy<string>> _made = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public ReportRuns() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    /// <summary>The folder of a run.</summary>
    public string Folder(string name) => _made.GetOrAdd(name, n => new Lazy<string>(() => Make(n))).Value;

    /// <summary>The report of a run.</summary>
    public string Page(string name) => Path.Combine(Folder(name), "report.html");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    private string Make(string name)
    {
        string[] few = ["--images", Path.Combine(Images, "unlabelled"), "-n", "10", "--eval", Labelled(), "--precision", "fp32", "--threads", "1", "--quiet", "-o", _folder[name]];
        string[] arguments = name switch
        {
            "espalier" => ["compress", "fashion-vit", "--keep-macs", "0.7", "--steps", "2", "--switch", "rounds=2", .. few],
            "dc-vit" => ["compress", "fashion-vit", "--keep-macs", "0.7", "--method", "dc-vit", "--k", "3", "--blocks", "1..5", "--steps", "3", "--rank-steps", "1", "--synthesis-steps", "2", .. few],
            "search" => ["search", "fashion-vit", "--keep-macs", "0.5", "--data", Labelled(), "--steps", "12", "--batch", "4", .. few[4..]],
            "sweep" => ["sweep", "fashion-vit", "--from", "0.9", "--to", "0.6", "--points", "3", "--steps", "0", "--switch", "rounds=1", .. few],
            "study" => ["study", Study(), "--set", $"images={Path.Combine(Images, "unlabelled")}", "--set", $"eval={Labelled()}", "--precision", "fp32", "--threads", "1", "--quiet", "-o", _folder[name]],
            _ => ["report", Folder("espalier"), Folder("dc-vit"), Folder("sweep"), "-o", Path.Combine(Directory.CreateDirectory(_folder[name]).FullName, "report.html")],
        };
        var run = CliRun.Of(arguments);
        run.Code.ShouldBe(0, run.Error);
        return _folder[name];
    }

    // Every kind of figure there is.
    private string Study()
    {
        File.WriteAllText(_folder["figures.json"], """
            {
              "about": "Every kind of figure.",
              "variables": { "images": null, "eval": null },
              "models": ["fashion-vit"],
              "methods": {
                "drop-blocks": "--method drop-blocks --order first --metric-set images",
                "magnitude": { "arguments": "--method magnitude", "switches": { "soft labels": "--loss kd" } },
                "selection": { "command": "rank", "arguments": "--method dc-vit --blocks 1..3 --metric-set images", "targets": ["--keep-macs 0.9"], "switches": {}, "images": [4] }
              },
              "targets": ["--keep-macs 0.8", "--keep-macs 0.6"],
              "images": [4, 8],
              "switches": { "": "" },
              "arguments": "--images {images} --eval {eval} --steps 1",
              "measure": { "latency": [1], "latency_runs": 2 }
            }
            """);
        return _folder["figures.json"];
    }

    // Three images of each class are enough to be scored.
    private string Labelled()
    {
        if (Directory.Exists(_folder["labelled"])) return _folder["labelled"];
        var lines = File.ReadLines(Path.Combine(Images, "test", "labels.txt")).GroupBy(l => l[(l.LastIndexOf(' ') + 1)..]).SelectMany(g => g.Take(3)).ToList();
        foreach (var line in lines)
        {
            var path = line[..line.LastIndexOf(' ')];
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_folder["labelled"], path))!);
            File.Copy(Path.Combine(Images, "test", path), Path.Combine(_folder["labelled"], path));
        }
        File.WriteAllLines(Path.Combine(_folder["labelled"], "labels.txt"), lines);
        return _folder["labelled"];
    }
}
