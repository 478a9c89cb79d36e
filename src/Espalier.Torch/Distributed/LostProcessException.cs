namespace Espalier.Torch.Distributed;

/// <summary>Another process of the group ended, or cannot be reached any more; nothing can be computed together after that.</summary>
public sealed class LostProcessException(string message, Exception? inner = null) : TorchException(message, inner);
