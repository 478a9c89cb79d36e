using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;

namespace Espalier.Benchmarks.Kills;

/// <summary>A model and images so small that a whole run takes a few seconds, and a study of two rows.</summary>
/// <param name="Folder">Where they lie.</param>
internal sealed record KillGround(string Folder)
{
    private const int Side = 8, Classes = 6, Count = 40;

    private const string Rows = """
        {
          "variables": { "model": null, "images": null },
          "models": ["{model}"],
          "methods": { "espalier": "--method espalier", "magnitude": "--method magnitude" },
          "targets": ["--keep-macs 0.7"],
          "images": [16],
          "arguments": "--images {images} --eval {images} --steps 6 --synthesis-steps 4"
        }
        """;

    public string Model => Path.Combine(Folder, "model");

    public string Images => Path.Combine(Folder, "images");

    public string Study => Path.Combine(Folder, "study.json");

    /// <summary>Writes what is not there yet.</summary>
    public KillGround Prepare()
    {
        if (File.Exists(Study)) return this;
        var net = VitArchitecture.Uniform("tiny", Side, patchSize: 4, channels: 1, embedDim: 8, depth: 6, heads: 2, Classes);
        using (var model = VitInit.Random(net, new Preprocessing { Size = Side, CropFraction = 1, Mean = [0.5], Std = [0.25] }, seed: 1))
            ModelFolder.Write(Directory.CreateDirectory(Model).FullName, model);
        Directory.CreateDirectory(Images);
        for (var i = 0; i < Count; i++)
        {
            var random = new SeededRandom((ulong)i, "image");
            PngWriter.Write(Path.Combine(Images, $"{i}.png"), new(Side, Side, 1, [.. Enumerable.Range(0, Side * Side).Select(_ => (byte)random.NextInt(256))]));
        }
        File.WriteAllText(Path.Combine(Images, "labels.txt"), string.Concat(Enumerable.Range(0, Count).Select(i => $"{i}.png {i % Classes}\n")));
        File.WriteAllText(Study, Rows);
        return this;
    }
}
