using System.Collections.Immutable;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Formats;

/// <summary>Opens whatever holds tensors, by the ending of its name.</summary>
internal static class TensorFiles
{
    /// <summary>The most tensors a file may hold: a hundred times what the largest networks have.</summary>
    public const int MostTensors = 1 << 16;

    /// <summary>The most dimensions a tensor may have.</summary>
    public const int MostDimensions = 32;

    /// <summary>Names the weights may have in a model folder, the one to prefer first.</summary>
    public static readonly ImmutableArray<string> InFolder =
        [ModelFolder.WeightsFile, ModelFolder.WeightsFile + ShardedFile.IndexEnding, "pytorch_model.bin", "pytorch_model.bin" + ShardedFile.IndexEnding];

    /// <summary>Whether the name is that of a file this version reads.</summary>
    public static bool IsRead(string path) => path.EndsWith(ShardedFile.IndexEnding, StringComparison.Ordinal) || IsSafetensors(path)
        || System.IO.Path.GetExtension(path).ToLowerInvariant() is ".pth" or ".pt" or ".bin" or ".ckpt" or ".tar";

    /// <exception cref="InputException">The file is missing, unreadable or damaged.</exception>
    public static ITensorFile Open(string path) =>
        path.EndsWith(ShardedFile.IndexEnding, StringComparison.Ordinal) ? ShardedFile.Open(path)
        : IsSafetensors(path) ? SafetensorsFile.Open(path) : TorchFile.Open(path);

    /// <summary>Every file the tensors lie in, the given one first.</summary>
    public static IEnumerable<string> Parts(string path) =>
        path.EndsWith(ShardedFile.IndexEnding, StringComparison.Ordinal) ? [path, .. ShardedFile.Shards(path).Order(StringComparer.Ordinal)] : [path];

    public static InputException TooMany(string path, int count) => new($"{path} lists {count} tensors, where {MostTensors} are the most that are read.");

    private static bool IsSafetensors(string path) => System.IO.Path.GetExtension(path).Equals(".safetensors", StringComparison.OrdinalIgnoreCase);
}
