using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>Fresh weights, distributed as timm initialises its Vision Transformers.</summary>
public static class VitInit
{
    /// <summary>
    /// Linear weights, position embedding, relative position biases and distillation token N(0, 0.02²), class token and registers N(0, 10⁻¹²), patch projection
    /// U(±1/√fan_in), LayerNorm 1 and 0, layer scales 10⁻⁵, other biases 0.
    /// </summary>
    /// <param name="architecture">Any architecture, also a compressed one.</param>
    /// <param name="preprocessing">Kept with the model.</param>
    /// <param name="seed">Same seed, same weights.</param>
    public static VitModel Random(VitArchitecture architecture, Preprocessing preprocessing, ulong seed) =>
        new(architecture, preprocessing, FreshWeights.Of(architecture, seed, Fresh));

    private static Tensor Fresh(string name, long[] shape, Generator generator)
    {
        if (name.StartsWith("patch_embed.proj.", StringComparison.Ordinal)) return PatchProjection(shape, generator);
        if (name is "cls_token" or "reg_token") return Tensor.RandN(shape, generator) * 1e-6;
        if (name is "pos_embed" or "dist_token") return Tensor.RandN(shape, generator) * 0.02;
        if (name.EndsWith(".bias", StringComparison.Ordinal)) return Tensor.Zeros(shape);
        if (name.EndsWith(".gamma", StringComparison.Ordinal)) return Tensor.Full(shape, 1e-5);
        return shape.Length == 1 ? Tensor.Ones(shape) : Tensor.RandN(shape, generator) * 0.02;
    }

    // PyTorch's default for a convolution. The bias shares the weight's fan-in, which its own shape does not show; zero is as good.
    private static Tensor PatchProjection(long[] shape, Generator generator) =>
        shape.Length == 1 ? Tensor.Zeros(shape) : FreshWeights.Uniform(shape, 1 / Math.Sqrt(shape[1] * shape[2] * shape[3]), generator);
}
