namespace Espalier.Torch;

/// <summary>
/// libtorch refused a call. The message names the operator and the shapes and element types of its tensor arguments.
/// </summary>
public class TorchException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>libtorch could not get memory; the process goes on.</summary>
public sealed class TorchOutOfMemoryException(string message) : TorchException(message);
