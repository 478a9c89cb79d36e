namespace Espalier.Models.Cnn;

/// <summary>How a convolutional block is built, or that it is gone.</summary>
public enum CnnBlockKind
{
    /// <summary>ResNet-18 and 34: 3×3, 3×3.</summary>
    Basic,
    /// <summary>ResNet-50 and deeper: 1×1 down, 3×3, 1×1 up.</summary>
    Bottleneck,
    /// <summary>MobileNetV2: 1×1 up, 3×3 for each channel alone, 1×1 down without activation.</summary>
    InvertedResidual,
    /// <summary>Nothing: the block passes its input on.</summary>
    Dropped,
}

/// <summary>The widths of one block. Editing a model means replacing these records and slicing its tensors alike.</summary>
public sealed record CnnBlock
{
    public required CnnBlockKind Kind { get; init; }

    /// <summary>Stage, from 0; with the blocks of it before this one it makes the block's name.</summary>
    public required int Stage { get; init; }

    /// <summary>Channels that enter.</summary>
    public required int Inputs { get; init; }

    /// <summary>Channels inside: of the first 3×3 of a basic block, of the 3×3 of the others; 0 when the block is gone.</summary>
    public int Hidden { get; init; }

    /// <summary>Channels that leave.</summary>
    public required int Outputs { get; init; }

    /// <summary>Stride of the first 3×3 of a basic block, of the 3×3 of the others.</summary>
    public int Stride { get; init; } = 1;

    /// <summary>Whether a 1×1 convolution leads past the block (<c>downsample</c>).</summary>
    public bool Shortcut { get; init; }

    /// <summary>Whether a 1×1 convolution widens an inverted residual first; the first one of MobileNetV2 has none.</summary>
    public bool Expands { get; init; } = true;

    /// <summary>Whether what goes in is what it adds to, so that the block can be left out.</summary>
    public bool IsIdentityShaped => Kind != CnnBlockKind.Dropped && Inputs == Outputs && Stride == 1 && !Shortcut && Expands;

    /// <summary>Whether it has inner channels of its own, which can be cut without a neighbour noticing.</summary>
    public bool HasInnerChannels => Kind != CnnBlockKind.Dropped && Expands;

    /// <summary>Whether the input is added to the output.</summary>
    public bool IsResidual => Kind is CnnBlockKind.Basic or CnnBlockKind.Bottleneck || (Kind == CnnBlockKind.InvertedResidual && Inputs == Outputs && Stride == 1);

    /// <summary>What is left of it when it is dropped: its place.</summary>
    public CnnBlock Drop() => new() { Kind = CnnBlockKind.Dropped, Stage = Stage, Inputs = Inputs, Outputs = Outputs };
}

/// <summary>The spelling of <see cref="CnnBlockKind"/> in files and output.</summary>
public static class CnnBlockKinds
{
    /// <summary>The kind as every JSON document spells it.</summary>
    public static string JsonName(this CnnBlockKind kind) => kind switch
    {
        CnnBlockKind.Basic => "basic",
        CnnBlockKind.Bottleneck => "bottleneck",
        CnnBlockKind.InvertedResidual => "inverted_residual",
        CnnBlockKind.Dropped => "dropped",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
    };
}
