using System.Collections.Immutable;
using Espalier.Models.Data;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>Puts a weights file and the config beside it, if any, together, and checks that they fit.</summary>
internal static class ModelReader
{
    public static ModelSource Read(string model, string weights)
    {
        using var file = SafetensorsFile.Open(weights);
        // A lone file's neighbour config.json may belong to another model, so only model.safetensors is read with its folder's.
        var isInFolder = Path.GetFileName(weights) == ModelFolder.WeightsFile;
        var config = isInFolder ? ModelFolder.ReadConfig(Path.GetDirectoryName(Path.GetFullPath(weights))!) : null;
        var name = config?.Name ?? NameOf(weights, isInFolder);
        var (architecture, headCountSource) = config?.Architecture is { } stated ? (stated, null)
            : Infer(file, new VitHints(name, config?.Heads, config?.LayerNormEps));
        CheckTensors(file, architecture);
        return new ModelSource
        {
            Model = model,
            Architecture = architecture,
            Preprocessing = CheckPreprocessing(config?.Preprocessing ?? Default(architecture), architecture, weights),
            WeightsPath = weights,
            HeadCountSource = headCountSource,
            Provenance = config?.Provenance,
            ClassNames = config?.ClassNames.Length == architecture.Classes ? config.ClassNames : [],
        };
    }

    private static (VitArchitecture, string?) Infer(SafetensorsFile file, VitHints hints)
    {
        var inferred = VitInference.Infer(file.Infos.ToDictionary(t => t.Name, t => t.Shape), hints, file.Path);
        return (inferred.Architecture, inferred.HeadCountSource);
    }

    /// <summary>A timm name with or without tag, from the file's name or else its folder's; null when neither is one.</summary>
    private static string? NameOf(string weights, bool isInFolder)
    {
        var name = isInFolder ? Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(weights))!) : Path.GetFileNameWithoutExtension(weights);
        return VitRegistry.Find(name)?.Architecture.Name;
    }

    /// <summary>The architecture's published preprocessing, else timm's default for ViT.</summary>
    private static Preprocessing Default(VitArchitecture net) =>
        VitRegistry.Find(net.Name)?.Preprocessing is { } known && known.Size == net.ImageSize && known.Mean.Length == net.Channels ? known : new Preprocessing
        {
            Size = net.ImageSize,
            Mean = [.. Enumerable.Repeat(0.5, net.Channels)],
            Std = [.. Enumerable.Repeat(0.5, net.Channels)],
        };

    private static Preprocessing CheckPreprocessing(Preprocessing preprocessing, VitArchitecture net, string weights) =>
        preprocessing.Size == net.ImageSize && preprocessing.Mean.Length == net.Channels ? preprocessing
            : throw new InputException($"The preprocessing beside {weights} makes {preprocessing.Mean.Length} channels of "
                + $"{preprocessing.Size}×{preprocessing.Size} pixels, but the network takes {net.Channels} of "
                + $"{net.ImageSize}×{net.ImageSize}.");

    /// <summary>None missing, none unknown, every shape right, every element type floating.</summary>
    /// <exception cref="InputException">Else.</exception>
    internal static void CheckTensors(SafetensorsFile file, VitArchitecture architecture)
    {
        var expected = VitTensors.Expected(architecture).ToDictionary(t => t.Name, t => t.Shape);
        Refuse(file, "lacks", [.. expected.Keys.Where(name => !file.Contains(name))]);
        Refuse(file, "has unknown", [.. file.Infos.Select(t => t.Name).Where(name => !expected.ContainsKey(name))]);
        foreach (var tensor in file.Infos)
        {
            if (!tensor.Shape.SequenceEqual(expected[tensor.Name]))
                throw new InputException($"{file.Path}: tensor {tensor.Name} has shape {tensor.ShapeText}, where "
                    + $"{architecture.Name} needs {TensorInfo.Describe(expected[tensor.Name])}.");
            if (!tensor.ElementType.IsFloat())
                throw new InputException($"{file.Path}: tensor {tensor.Name} is {tensor.ElementType.HeaderName()}, where "
                    + "a floating type was expected.");
        }
    }

    private static void Refuse(SafetensorsFile file, string what, ImmutableArray<string> names)
    {
        const int Shown = 3;
        if (names.IsEmpty) return;
        var more = names.Length > Shown ? $" and {names.Length - Shown} more" : "";
        throw new InputException($"{file.Path} {what} tensors: {string.Join(", ", names.Take(Shown))}{more}. It is not a "
            + "plain ViT classifier with timm names, or belongs to another config.json.");
    }
}
