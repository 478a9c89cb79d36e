using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;

namespace Espalier.Models.Formats;

/// <summary>Names and texts of a model folder's files. The weights appear last: a folder with weights is complete.</summary>
public static class ModelFolder
{
    public const string WeightsFile = "model.safetensors";
    public const string ConfigFile = "config.json";
    public const string PreprocessorFile = "preprocessor_config.json";

    /// <summary>The loader that lies in every model folder.</summary>
    public const string PythonLoader = "load_in_python.py";

    /// <summary>
    /// Writes <c>config.json</c>, <c>preprocessor_config.json</c>, <c>load_in_python.py</c> and, last, <c>model.safetensors</c>; then
    /// opens what was written and compares it with the model in memory, bit for bit. Same model, same bytes.
    /// </summary>
    /// <exception cref="FailureException">A file cannot be written.</exception>
    /// <exception cref="InputException">What was written cannot be read, as with an architecture no network has; the weights file is removed.</exception>
    /// <exception cref="VerificationException">What was read back differs; the weights file is removed.</exception>
    public static void Write(string folder, Model model, JsonObject? provenance = null, ImmutableArray<string> classNames = default)
    {
        WriteConfig(folder, ModelConfig.Of(model.Architecture, model.Preprocessing, provenance, classNames));
        AtomicFile.WriteText(Path.Combine(folder, PythonLoader), LoaderText());
        var path = Path.Combine(folder, WeightsFile);
        SafetensorsWriter.Write(path, model.FileTensors().ToTensorData());
        string? difference;
        try
        {
            difference = Difference(folder, model);
        }
        catch (InputException)
        {
            // No folder stays that looks like a model and is none.
            File.Delete(path);
            throw;
        }
        if (difference is null) return;
        File.Delete(path);
        throw new VerificationException($"{path} was written but reads back differently ({difference}); the file was removed. Check the disk.");
    }

    /// <summary>Writes <c>config.json</c> and <c>preprocessor_config.json</c>, each whole or not at all.</summary>
    /// <exception cref="FailureException">A file cannot be written.</exception>
    public static void WriteConfig(string folder, ModelConfig config)
    {
        var text = config.ToJson();
        AtomicFile.WriteText(Path.Combine(folder, PreprocessorFile), PreprocessorConfig.ToJson(config.Preprocessing!));
        AtomicFile.WriteText(Path.Combine(folder, ConfigFile), text);
    }

    /// <summary>
    /// Reads <c>config.json</c>, with the preprocessing of <c>preprocessor_config.json</c> where it states none; null when there is neither.
    /// </summary>
    /// <exception cref="InputException">A file is unreadable or invalid.</exception>
    public static ModelConfig? ReadConfig(string folder)
    {
        var (path, preprocessorPath) = (Path.Combine(folder, ConfigFile), Path.Combine(folder, PreprocessorFile));
        var config = File.Exists(path) ? ModelConfig.Parse(SmallFile.ReadText(path), path) : null;
        return config?.Preprocessing is not null || !File.Exists(preprocessorPath) ? config
            : (config ?? new ModelConfig()) with { Preprocessing = PreprocessorConfig.Parse(SmallFile.ReadText(preprocessorPath), preprocessorPath) };
    }

    private static string? Difference(string folder, Model model)
    {
        var source = ModelSource.Open(folder);
        if (!source.Architecture.IsSame(model.Architecture)) return "architecture";
        using var written = source.Load();
        using var scope = new TensorScope();
        foreach (var (name, tensor) in model.Weights)
            if (!tensor.Detach().To("cpu").To(DType.Float32).BitEquals(written.Weights[name])) return name;
        return null;
    }

    private static string LoaderText()
    {
        using var stream = typeof(ModelFolder).Assembly.GetManifestResourceStream(PythonLoader)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
