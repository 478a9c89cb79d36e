using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>What an error of the residual stream costs at one point of a network: by the token it is made at, and by its direction among the channels.</summary>
/// <param name="Tokens">[N], not negative, mean 1; one value where all places count alike.</param>
/// <param name="Root">M^½ [D, D], float64, of the metric ‖M^½·e‖² of an error e, M's mean eigenvalue being 1; null counts all directions alike.</param>
public sealed record ErrorMetric(Tensor Tokens, Tensor? Root)
{
    /// <summary>A map to the residual stream [D, m] whose outputs are turned so that their plain squares are what they cost.</summary>
    internal Tensor Of(Tensor map) => Root?.MatMul(map) ?? map;

    /// <summary>As far as the switches want it.</summary>
    internal ErrorMetric For(RepairOptions options) =>
        new(options.WeighTokens ? Tokens : Tensor.Ones(Tokens.Shape, device: Tokens.Device), options.WeighChannels ? Root : null);
}
