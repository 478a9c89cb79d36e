using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Cli.Tests;

/// <summary>A model folder and images small enough to compute with in a test.</summary>
internal static class TinyModel
{
    public const int Classes = 6, Side = 8;

    // Before any test thread computes: libtorch remembers the number per thread from then on.
    [ModuleInitializer]
    internal static void UseOneThread() => TorchRuntime.Threads = 1;

    /// <summary>Writes a random ViT, of two blocks unless told otherwise, for grey images of 8×8 pixels.</summary>
    public static string WriteModel(this TemporaryFolder folder, string name = "model", ImmutableArray<string> classNames = default, int depth = 2)
    {
        var net = VitArchitecture.Uniform("tiny", Side, patchSize: 4, channels: 1, embedDim: 8, depth, heads: 2, Classes);
        var pixels = new Preprocessing { Size = Side, CropFraction = 1, Mean = [0.5], Std = [0.25] };
        using var model = VitInit.Random(net, pixels, seed: 1);
        ModelFolder.Write(Directory.CreateDirectory(folder[name]).FullName, model, classNames: classNames);
        return folder[name];
    }

    /// <summary>Writes a random ResNet of four blocks for the same images.</summary>
    public static string WriteCnn(this TemporaryFolder folder, string name = "model")
    {
        var net = new CnnArchitecture
        {
            Name = "tiny-cnn", ImageSize = Side, Channels = 1, Classes = Classes, Style = CnnStyle.ResNet, Stem = new CnnStem(8, 3, 1, Pool: false),
            Blocks = [.. Enumerable.Repeat(new CnnBlock { Kind = CnnBlockKind.Basic, Stage = 0, Inputs = 8, Hidden = 8, Outputs = 8 }, 4)],
        };
        using var model = net.Random(new Preprocessing { Size = Side, CropFraction = 1, Mean = [0.5], Std = [0.25] }, seed: 1);
        ModelFolder.Write(Directory.CreateDirectory(folder[name]).FullName, model);
        return folder[name];
    }

    /// <summary>Writes a folder of images; with labels.txt when there are labels.</summary>
    public static string WriteImages(this TemporaryFolder folder, string name, int count, params int[] labels)
    {
        for (var i = 0; i < count; i++)
            PngWriter.Write(Path.Combine(Directory.CreateDirectory(folder[name]).FullName, $"{i}.png"), Image(i));
        if (labels.Length > 0) folder.Write($"{name}/labels.txt", string.Concat(labels.Select((label, i) => $"{i}.png {label}\n")));
        return folder[name];
    }

    private static ImageBuffer Image(int seed)
    {
        var random = new SeededRandom((ulong)seed, "image");
        return new(Side, Side, 1, [.. Enumerable.Range(0, Side * Side).Select(_ => (byte)random.NextInt(256))]);
    }
}
