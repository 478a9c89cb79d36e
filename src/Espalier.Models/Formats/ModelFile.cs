using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Formats;

/// <summary>Moves a model's tensors between memory and safetensors files.</summary>
public static class ModelFile
{
    /// <summary>Loads a model as fp32 onto a device; one named by architecture only gets fresh weights from the seed.</summary>
    /// <exception cref="InputException">The weights cannot be read or do not fit the architecture.</exception>
    public static Model Load(this ModelSource source, string device = "cpu", ulong seed = 0)
    {
        if (source.IsRandom)
        {
            var random = source.Architecture.Random(source.Preprocessing, seed);
            if (device == "cpu") return random;
            using (random) return random.To(device);
        }
        using var file = source.OpenWeights();
        var stored = source.Stored;
        var model = stored.Create(source.Preprocessing with { Size = stored.ImageSize }, Read(file, stored, device));
        if (ReferenceEquals(stored, source.Architecture)) return model;
        using (model) return model.As(source.Architecture);
    }

    /// <summary>Loads a model for what works on Vision Transformers alone.</summary>
    /// <exception cref="UsageException">It is of another family.</exception>
    /// <exception cref="InputException">The weights cannot be read or do not fit the architecture.</exception>
    public static VitModel LoadVit(this ModelSource source, string device = "cpu", ulong seed = 0)
    {
        _ = source.Vit;
        return (VitModel)source.Load(device, seed);
    }

    /// <summary>A copy of the model on another device.</summary>
    public static T To<T>(this T model, string device) where T : Model
    {
        using var noGrad = new NoGrad();
        var weights = new Weights();
        foreach (var (name, tensor) in model.Weights)
        {
            using var scope = new TensorScope();
            weights.Set(name, tensor.Detach().Clone().To(device));
        }
        return (T)model.Architecture.Create(model.Preprocessing, weights);
    }

    /// <summary>Writes the tensors alone, as fp32; for the intermediate files of a run.</summary>
    public static void Write(string path, Model model) => SafetensorsWriter.Write(path, model.FileTensors().ToTensorData());

    /// <summary>The tensors under the names they have in files.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> FileTensors(this Model model) =>
        model.Weights.Select(t => KeyValuePair.Create(model.Architecture.FileName(t.Key), t.Value));

    /// <summary>Reads a file of <see cref="Write"/> back.</summary>
    /// <exception cref="InputException">The file is missing, damaged, or of another architecture.</exception>
    public static Weights ReadFile(string path, Architecture architecture, string device = "cpu")
    {
        using var file = SafetensorsFile.Open(path);
        ModelReader.CheckTensors(file, architecture);
        return Read(file, architecture, device);
    }

    private static Weights Read(ITensorFile file, Architecture architecture, string device)
    {
        using var noGrad = new NoGrad();
        var weights = new Weights();
        try
        {
            foreach (var (name, shape) in architecture.Tensors())
                weights.Set(name, Tensor.From<float>(file.ReadFloats(architecture.FileName(name)), shape.AsSpan(), device));
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>What a safetensors writer needs to write these tensors as fp32.</summary>
    public static IEnumerable<TensorData> ToTensorData(this IEnumerable<KeyValuePair<string, Tensor>> tensors) =>
        tensors.Select(t => new TensorData(t.Key, ElementType.F32, [.. t.Value.Shape], stream =>
        {
            using var scope = new TensorScope();
            stream.Write(t.Value.Detach().To(DType.Float32).ToBytes());
        }));
}
