using System.Collections.Immutable;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats.Names;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Vit;

namespace Espalier.Models.Formats;

/// <summary>Puts a weights file and the config beside it, if any, together, and checks that they fit.</summary>
internal static class ModelReader
{
    public static ModelSource Read(string model, string weights)
    {
        using var stored = TensorFiles.Open(weights);
        var (file, scheme) = TimmNames.Of(stored);
        // A lone file's neighbour config.json may belong to another model, so only weights of a folder's usual name are read with its config.
        var isInFolder = TensorFiles.InFolder.Contains(Path.GetFileName(weights));
        var config = isInFolder ? ModelFolder.ReadConfig(Path.GetDirectoryName(Path.GetFullPath(weights))!) : null;
        var called = isInFolder ? Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(weights))!) : Path.GetFileName(weights);
        var known = Known(called, isInFolder);
        var name = config?.Name ?? known?.Architecture.Name;
        if (config?.Architecture is null) OtherNetworks.Refuse(weights, config?.Name, called);
        var (architecture, headCountSource) = config?.Architecture is { } stated ? (stated, null)
            : Infer(file, new VitHints(name, config?.Heads, config?.LayerNormEps, config?.Pool, config?.Preprocessing?.Size));
        CheckTensors(file, architecture);
        var source = new ModelSource
        {
            Model = model,
            Stored = architecture,
            Architecture = architecture,
            Preprocessing = config?.Preprocessing ?? Default(architecture, known ?? (name is null ? null : ModelRegistry.Find(name)), scheme),
            WeightsPath = weights,
            ReadAs = Describe(scheme, stored),
            HeadCountSource = headCountSource,
            Provenance = config?.Provenance,
            ClassNames = config?.ClassNames.Length == architecture.Classes ? config.ClassNames : [],
        };
        source = CheckPreprocessing(source, config?.ModelType, weights);
        return source.Architecture is VitArchitecture vit && VitLimits.Fault(vit) is { } fault ? throw new InputException($"{weights}: {fault}") : source;
    }

    private static (Architecture, string?) Infer(ITensorFile file, VitHints hints)
    {
        var shapes = file.Infos.ToDictionary(t => t.Name, t => t.Shape);
        if (CnnInference.Suits(shapes)) return (CnnInference.Infer(shapes, hints.Name, file.Path), null);
        var inferred = VitInference.Infer(shapes, hints, file.Path);
        return (inferred.Architecture, inferred.HeadCountSource);
    }

    /// <summary>What the file's name, or else its folder's, stands for; null when neither is known.</summary>
    private static ModelEntry? Known(string name, bool isFolder) =>
        ModelRegistry.Find(name) ?? ModelRegistry.FindFile(isFolder ? name : Path.GetFileNameWithoutExtension(name));

    /// <summary>Only what is not plain is said: timm's names in a file of their own.</summary>
    private static string? Describe(string? scheme, ITensorFile file)
    {
        var entry = file is TorchFile { Entry.Length: > 0 } checkpoint ? $"entry {checkpoint.Entry}" : null;
        var names = scheme is null or "timm" ? null : $"{scheme} names";
        return entry is null && names is null ? null : string.Join(", ", new[] { names, entry }.OfType<string>());
    }

    /// <summary>
    /// The published preprocessing of a network of that name, else what its kind is usually trained with: ImageNet's mean and std for
    /// torchvision, DeiT, Swin and headless networks of self-supervised training, else timm's default for ViT.
    /// </summary>
    private static Preprocessing Default(Architecture net, ModelEntry? known, string? scheme)
    {
        if (known?.Preprocessing is { } published && published.Mean.Length == net.Channels) return published with { Size = net.ImageSize };
        var imageNet = VitFamilies.TorchVisionPreprocessing(net.ImageSize);
        if (net.Channels == imageNet.Mean.Length && (net is CnnArchitecture || scheme == NamingSchemes.TorchVision.Title)) return imageNet;
        var timm = new Preprocessing
        {
            Size = net.ImageSize,
            Mean = [.. Enumerable.Repeat(0.5, net.Channels)],
            Std = [.. Enumerable.Repeat(0.5, net.Channels)],
        };
        var isImageNet = net is VitArchitecture { DistToken: true } or VitArchitecture { Staged: true } || net.Classes == 0;
        return net.Channels == imageNet.Mean.Length && isImageNet ? timm with { Mean = imageNet.Mean, Std = imageNet.Std } : timm;
    }

    private static ModelSource CheckPreprocessing(ModelSource source, string? modelType, string weights)
    {
        var (net, preprocessing) = (source.Architecture, source.Preprocessing);
        if (preprocessing.Mean.Length == net.Channels && preprocessing.Size == net.ImageSize) return source;
        if (preprocessing.Mean.Length == net.Channels && net is CnnArchitecture) return source.AtImageSize(preprocessing.Size); // made for any size
        if (preprocessing.Mean.Length == net.Channels && HuggingFaceConfig.InterpolatesAlways(modelType) && net is VitArchitecture { PatchSize: var patch } && preprocessing.Size % patch == 0)
            return source.AtImageSize(preprocessing.Size);
        throw new InputException($"The preprocessing beside {weights} makes {preprocessing.Mean.Length} channels of "
            + $"{preprocessing.Size}×{preprocessing.Size} pixels, but the network takes {net.Channels} of "
            + $"{net.ImageSize}×{net.ImageSize}.");
    }

    /// <summary>None missing, none unknown, every shape right, every element type floating.</summary>
    /// <exception cref="InputException">Else.</exception>
    internal static void CheckTensors(ITensorFile file, Architecture architecture)
    {
        var expected = architecture.Tensors().ToDictionary(t => architecture.FileName(t.Name), t => t.Shape);
        Refuse(file, "lacks", [.. expected.Keys.Where(name => !file.Contains(name))]);
        Refuse(file, "has unknown", [.. file.Infos.Select(t => t.Name).Where(name => !expected.ContainsKey(name))]);
        foreach (var tensor in file.Infos)
        {
            if (!tensor.Shape.SequenceEqual(expected[tensor.Name]))
                throw new InputException($"{file.Path}: tensor {tensor.Name} has shape {tensor.ShapeText}, where "
                    + $"{architecture.Name} needs {TensorInfo.Describe(expected[tensor.Name])}.");
            ElementValues.RequireFloat(tensor, file.Path);
        }
    }

    private static void Refuse(ITensorFile file, string what, ImmutableArray<string> names)
    {
        const int Shown = 3;
        if (names.IsEmpty) return;
        var more = names.Length > Shown ? $" and {names.Length - Shown} more" : "";
        throw new InputException($"{file.Path} {what} tensors: {string.Join(", ", names.Take(Shown))}{more}. It is not a "
            + "network of a known family with the names of timm, torchvision or Hugging Face, or belongs to another config.json.");
    }
}
