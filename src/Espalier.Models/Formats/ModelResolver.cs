namespace Espalier.Models.Formats;

/// <summary>Finds what a MODEL argument names: a weights file, or an architecture whose weights are to be drawn.</summary>
internal static class ModelResolver
{
    private const string Bundled = "fashion-vit";

    /// <summary>The weights file, or the registry's entry.</summary>
    /// <exception cref="InputException">The argument names nothing that exists or that is read.</exception>
    public static (string? Weights, ModelEntry? Entry) Resolve(string model)
    {
        if (Directory.Exists(model)) return (InFolder(model), null);
        if (File.Exists(model)) return (AsFile(model), null);
        if (model == Bundled) return (FindBundled(), null);
        if (ModelRegistry.Find(model) is { } entry) return (null, entry);
        throw new InputException(LooksLikePath(model)
            ? $"There is no file or folder {model}."
            : $"There is no file or folder {model}, and no architecture of that name; like it are "
                + $"{string.Join(", ", Similar(model))}.");
    }

    /// <summary>The known names that begin like the given one, the likest first.</summary>
    private static IEnumerable<string> Similar(string model)
    {
        const int Shown = 6;
        return ModelRegistry.Names.OrderByDescending(name => name.AsSpan().CommonPrefixLength(model)).ThenBy(n => n, StringComparer.Ordinal).Take(Shown);
    }

    private static string InFolder(string folder)
    {
        return TensorFiles.InFolder.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists)
            ?? throw new InputException($"{folder} has no {ModelFolder.WeightsFile}: it is no model folder, or its run has not finished.");
    }

    private static string AsFile(string path) => TensorFiles.IsRead(path) ? path
        : throw new InputException($"{path} is no model: give a model folder or a .safetensors, .pth or .pt file.");

    /// <summary>The bundled model lies in <c>models/</c> beside the application or in a parent folder of it.</summary>
    private static string FindBundled()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var weights = Path.Combine(folder.FullName, "models", Bundled, ModelFolder.WeightsFile);
            if (File.Exists(weights)) return weights;
        }
        throw new InputException($"The bundled model {Bundled} is not there: no "
            + $"models/{Bundled}/{ModelFolder.WeightsFile} in {AppContext.BaseDirectory} or above; add the package Espalier.FashionVit, or "
            + "give another model.");
    }

    private static bool LooksLikePath(string model) =>
        model.Contains('/') || model.EndsWith(".safetensors", StringComparison.Ordinal) || model.EndsWith(".pth", StringComparison.Ordinal)
        || model.EndsWith(".pt", StringComparison.Ordinal);
}
