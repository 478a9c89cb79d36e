using System.Collections.Immutable;
using System.Text.Json.Nodes;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>Writes a model as a folder that this product and plain PyTorch can load.</summary>
public static class VitFolder
{
    /// <summary>The loader that lies in every model folder.</summary>
    public const string PythonLoader = "load_in_python.py";

    /// <summary>
    /// Writes <c>config.json</c>, <c>preprocessor_config.json</c>, <c>load_in_python.py</c> and, last, <c>model.safetensors</c>; then
    /// opens what was written and compares it with the model in memory, bit for bit. Same model, same bytes.
    /// </summary>
    /// <exception cref="FailureException">A file cannot be written.</exception>
    /// <exception cref="VerificationException">What was read back differs; the weights file is removed.</exception>
    public static void Write(string folder, VitModel model, JsonObject? provenance = null, ImmutableArray<string> classNames = default)
    {
        ModelFolder.WriteConfig(folder, ModelConfig.Of(model.Architecture, model.Preprocessing, provenance, classNames));
        AtomicFile.WriteText(Path.Combine(folder, PythonLoader), LoaderText());
        var path = Path.Combine(folder, ModelFolder.WeightsFile);
        SafetensorsWriter.Write(path, model.FileTensors().ToTensorData());
        if (Difference(folder, model) is not { } difference) return;
        File.Delete(path);
        throw new VerificationException($"{path} was written but reads back differently ({difference}); the file was removed. Check the disk.");
    }

    private static string? Difference(string folder, VitModel model)
    {
        var source = ModelSource.Open(folder);
        if (!source.Architecture.Blocks.SequenceEqual(model.Architecture.Blocks)) return "block widths";
        if (source.Architecture with { Blocks = model.Architecture.Blocks } != model.Architecture) return "architecture";
        using var written = source.Load();
        using var scope = new TensorScope();
        foreach (var (name, tensor) in model.Weights)
            if (!tensor.Detach().To("cpu").To(DType.Float32).BitEquals(written.Weights[name])) return name;
        return null;
    }

    private static string LoaderText()
    {
        using var stream = typeof(VitFolder).Assembly.GetManifestResourceStream(PythonLoader)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
