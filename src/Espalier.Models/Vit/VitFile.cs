using System.Collections.Immutable;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>Moves a model's tensors between memory and safetensors files.</summary>
public static class VitFile
{
    /// <summary>Loads a model as fp32 onto a device; one named by architecture only gets fresh weights from the seed.</summary>
    /// <exception cref="InputException">The weights cannot be read or do not fit the architecture.</exception>
    public static VitModel Load(this ModelSource source, string device = "cpu", ulong seed = 0)
    {
        if (source.IsRandom)
        {
            var random = VitInit.Random(source.Architecture, source.Preprocessing, seed);
            if (device == "cpu") return random;
            using (random) return random.To(device);
        }
        using var file = source.OpenWeights();
        var model = new VitModel(source.Stored, source.Preprocessing with { Size = source.Stored.ImageSize },
            Read(file, source.Stored, device));
        if (source.Stored.ImageSize != source.Architecture.ImageSize) model = Then(model, m => m.ResizePositions(source.Architecture.ImageSize));
        return source.Stored.HasLayerScale && !source.Architecture.HasLayerScale ? Then(model, m => m.FoldLayerScale()) : model;
    }

    /// <summary>A copy of the model on another device.</summary>
    public static VitModel To(this VitModel model, string device)
    {
        using var noGrad = new NoGrad();
        var weights = new Weights();
        foreach (var (name, tensor) in model.Weights)
        {
            using var scope = new TensorScope();
            weights.Set(name, tensor.Detach().Clone().To(device));
        }
        return new VitModel(model.Architecture, model.Preprocessing, weights);
    }

    /// <summary>Writes the tensors alone, as fp32; for the intermediate files of a run.</summary>
    public static void Write(string path, VitModel model) => SafetensorsWriter.Write(path, model.FileTensors().ToTensorData());

    /// <summary>The tensors under the names they have in files.</summary>
    public static IEnumerable<KeyValuePair<string, Tensor>> FileTensors(this VitModel model) =>
        model.Weights.Select(t => KeyValuePair.Create(VitTensors.FileName(model.Architecture, t.Key), t.Value));

    /// <summary>Reads a file of <see cref="Write"/> back.</summary>
    /// <exception cref="InputException">The file is missing, damaged, or of another architecture.</exception>
    public static Weights ReadFile(string path, VitArchitecture architecture, string device = "cpu")
    {
        using var file = SafetensorsFile.Open(path);
        ModelReader.CheckTensors(file, architecture);
        return Read(file, architecture, device);
    }

    private static VitModel Then(VitModel model, Func<VitModel, VitModel> edit)
    {
        using (model) return edit(model);
    }

    private static Weights Read(ITensorFile file, VitArchitecture net, string device)
    {
        using var noGrad = new NoGrad();
        var weights = new Weights();
        foreach (var (name, shape) in VitTensors.Expected(net))
            weights.Set(name, Tensor.From<float>(file.ReadFloats(VitTensors.FileName(net, name)), shape.AsSpan(), device));
        return weights;
    }

    /// <summary>What a safetensors writer needs to write these tensors as fp32.</summary>
    public static IEnumerable<TensorData> ToTensorData(this IEnumerable<KeyValuePair<string, Tensor>> tensors) =>
        tensors.Select(t => new TensorData(t.Key, ElementType.F32, [.. t.Value.Shape], stream =>
        {
            using var scope = new TensorScope();
            stream.Write(t.Value.Detach().To(DType.Float32).ToBytes());
        }));
}
