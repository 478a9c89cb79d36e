namespace Espalier.Models.Formats.Pickle;

/// <summary>Where the storages of a PyTorch file lie.</summary>
internal interface ITorchContainer
{
    /// <summary>What was pickled.</summary>
    object? Root { get; }

    /// <summary>Reads a part of a storage that was checked when the file was opened.</summary>
    /// <param name="storage">The storage.</param>
    /// <param name="start">First byte.</param>
    /// <param name="count">Bytes.</param>
    byte[] Read(TorchStorage storage, long start, int count);
}
