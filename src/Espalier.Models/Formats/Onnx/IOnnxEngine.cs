using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>Something that runs an ONNX file.</summary>
public interface IOnnxEngine
{
    /// <summary>As results name it.</summary>
    string Name { get; }

    /// <summary>Reads the file anew and runs it on each input; the outputs belong to the current scope.</summary>
    /// <param name="file">The file, open for reading; an engine in a process of its own goes by its name.</param>
    /// <param name="inputs">[batch, C, S, S], of whatever batch size.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <exception cref="InputException">The file is not one this engine can run.</exception>
    IReadOnlyList<Tensor> Run(FileStream file, IReadOnlyList<Tensor> inputs, CancellationToken cancellation = default);
}

/// <summary>Espalier's own interpreter.</summary>
public sealed class OnnxInterpreter : IOnnxEngine
{
    public string Name => "espalier";

    public IReadOnlyList<Tensor> Run(FileStream file, IReadOnlyList<Tensor> inputs, CancellationToken cancellation = default)
    {
        file.Position = 0;
        using var model = OnnxModel.Read(file, file.Name);
        var outputs = new List<Tensor>();
        foreach (var input in inputs)
        {
            cancellation.ThrowIfCancellationRequested();
            outputs.Add(model.Run(input));
        }
        return outputs;
    }
}
