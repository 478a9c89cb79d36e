namespace Espalier.Models.Formats;

/// <summary>Names and texts of a model folder's files. The weights appear last: a folder with weights is complete.</summary>
public static class ModelFolder
{
    public const string WeightsFile = "model.safetensors";
    public const string ConfigFile = "config.json";
    public const string PreprocessorFile = "preprocessor_config.json";

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
        var config = File.Exists(path) ? ModelConfig.Parse(ReadText(path), path) : null;
        return config?.Preprocessing is not null || !File.Exists(preprocessorPath) ? config
            : (config ?? new ModelConfig()) with { Preprocessing = PreprocessorConfig.Parse(ReadText(preprocessorPath), preprocessorPath) };
    }

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read {path}: {e.Message}", e);
        }
    }
}
