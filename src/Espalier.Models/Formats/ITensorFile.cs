using System.Collections.Immutable;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats;

/// <summary>Named tensors of one file, or of several that belong together. Tensors are read one at a time, when they are asked for.</summary>
public interface ITensorFile : IDisposable
{
    /// <summary>The path it was opened by, for errors.</summary>
    string Path { get; }

    /// <summary>Every tensor, by ordinal name.</summary>
    ImmutableArray<TensorInfo> Infos { get; }

    bool Contains(string name);

    /// <summary>The description of one tensor.</summary>
    /// <exception cref="InputException">There is no such tensor.</exception>
    TensorInfo Info(string name);

    /// <summary>The elements of a floating tensor as single precision, row-major; F64 is rounded, F16 and BF16 are exact.</summary>
    /// <exception cref="InputException">There is no such tensor, its element type is not floating, or it cannot be read.</exception>
    float[] ReadFloats(string name);
}
