namespace Espalier.Torch;

/// <summary>Network layers and losses as functions, named as in <c>torch.nn.functional</c>.</summary>
public static class Functional
{
    private static readonly Operator s_linear = new("aten::linear");
    private static readonly Operator s_layerNorm = new("aten::layer_norm");
    private static readonly Operator s_gelu = new("aten::gelu");
    private static readonly Operator s_softmax = new("aten::softmax", "int");
    private static readonly Operator s_logSoftmax = new("aten::log_softmax", "int");
    private static readonly Operator s_attention = new("aten::scaled_dot_product_attention");
    private static readonly Lazy<bool> s_hasAttention = new(() => s_attention.Exists);
    private static readonly Operator s_packedAttention = new("espalier::attention");
    private static readonly Operator s_ownRuns = new("espalier::runs");
    private static readonly Operator s_ownGelu = new("espalier::gelu");
    private static readonly Lazy<bool> s_ownFp32 = new(() => OwnRuns(DType.Float32)), s_ownBf16 = new(() => OwnRuns(DType.BFloat16));
    private static readonly Operator s_conv2d = new("aten::conv2d");
    private static readonly Operator s_bicubic = new("aten::_upsample_bicubic2d_aa");
    private static readonly Operator s_crossEntropy = new("aten::cross_entropy_loss");
    private static readonly Operator s_mse = new("aten::mse_loss");
    private static readonly Operator s_batchNorm = new("aten::batch_norm");
    private static readonly Operator s_relu = new("aten::relu");
    private static readonly Operator s_hardtanh = new("aten::hardtanh");
    private static readonly Operator s_unfold = new("aten::im2col");
    private static readonly Operator s_maxPool2d = new("aten::max_pool2d");
    private static readonly Operator s_avgPool2d = new("aten::avg_pool2d");

    /// <summary>x·Wᵀ + b over the last dimension; W is [out, in].</summary>
    public static Tensor Linear(this Tensor x, Tensor weight, Tensor? bias = null) => s_linear.Call(x, weight, bias);

    /// <summary>Normalises the last dimension, then scales and shifts.</summary>
    public static Tensor LayerNorm(this Tensor x, Tensor weight, Tensor bias, double eps) =>
        s_layerNorm.Call(x, weight.Shape, weight, bias, eps);

    /// <summary>Exact (erf) GELU; on most processors by a kernel of our own, which has no second derivative.</summary>
    public static Tensor Gelu(this Tensor x) => HasOwn(x) ? s_ownGelu.Call(x) : s_gelu.Call(x);

    /// <summary>exp(x) / Σ exp(x) along one dimension.</summary>
    public static Tensor Softmax(this Tensor x, long dim) => s_softmax.Call(x, dim);

    /// <summary>Logarithm of the softmax along one dimension.</summary>
    public static Tensor LogSoftmax(this Tensor x, long dim) => s_logSoftmax.Call(x, dim);

    /// <summary>
    /// softmax(Q·Kᵀ·scale)·V as one operator that never holds the logits: libtorch 2's, on an accelerator. Null where there is none; for a
    /// processor see <see cref="PackedAttention"/>.
    /// </summary>
    /// <param name="query">[B, heads, N, qk_dim].</param>
    /// <param name="key">[B, heads, N, qk_dim].</param>
    /// <param name="value">[B, heads, N, v_dim].</param>
    /// <param name="scale">Factor on the logits.</param>
    public static Tensor? FusedAttention(Tensor query, Tensor key, Tensor value, double scale)
    {
        if (query.Device == "cpu" || !s_hasAttention.Value) return null;
        // The operator's own factor is 1/√qk_dim; another one cannot be given to its first versions.
        var own = scale * Math.Sqrt(query.Size(-1));
        return s_attention.Call(Math.Abs(own - 1) < 1e-12 ? query : query * own, key, value);
    }

    /// <summary>
    /// softmax(Q·Kᵀ·scale)·V of every head, straight from what the linear layer of q|k|v gives, heads side by side as the projection reads them:
    /// [B, N, heads·v_dim]. Null where the plain products are the better way: off the processor, in other precisions than fp32 and bf16, and on
    /// processors it has no kernel for. It has no second derivative.
    /// </summary>
    /// <param name="qkv">[B, N, heads·(2·qk_dim + v_dim)]: q|k|v, each head-major.</param>
    /// <param name="heads">How many.</param>
    /// <param name="qk">Width of a head's queries and keys.</param>
    /// <param name="v">Width of a head's values.</param>
    /// <param name="scale">Factor on the logits.</param>
    public static Tensor? PackedAttention(Tensor qkv, long heads, long qk, long v, double scale) =>
        HasOwn(qkv) ? s_packedAttention.Call(qkv, heads, qk, v, scale) : null;

    // Whether operators of our own take the tensor.
    private static bool HasOwn(Tensor x) =>
        x.DType switch { DType.Float32 => s_ownFp32.Value, DType.BFloat16 => s_ownBf16.Value, _ => false } && x.Device == "cpu";

    private static bool OwnRuns(DType precision) => s_ownRuns.CallNumber((long)precision) != 0;

    /// <summary>x [B, in, H, W], weight [out, in/groups, kH, kW].</summary>
    public static Tensor Conv2d(this Tensor x, Tensor weight, Tensor? bias, int stride = 1, int padding = 0, int groups = 1) =>
        s_conv2d.Call(x, weight, bias, new long[] { stride, stride }, new long[] { padding, padding }, new long[] { 1, 1 }, groups);

    /// <summary>
    /// Normalises each channel of x [B, C, …] by its mean and variance, then scales and shifts. A single value per channel has no variance of its own: it is
    /// normalised by the running statistics, and adds nothing to them.
    /// </summary>
    /// <param name="x">The maps.</param>
    /// <param name="weight">Scale [C].</param>
    /// <param name="bias">Shift [C].</param>
    /// <param name="mean">Running mean [C]; used, or when training moved towards the batch's.</param>
    /// <param name="variance">Running variance [C]; likewise.</param>
    /// <param name="training">Normalise by the batch's own statistics.</param>
    /// <param name="momentum">The batch's share in the running statistics.</param>
    /// <param name="eps">Added to the variance.</param>
    public static Tensor BatchNorm(this Tensor x, Tensor weight, Tensor bias, Tensor mean, Tensor variance, bool training, double momentum, double eps) =>
        s_batchNorm.Call(x, weight, bias, mean, variance, training && x.Count > x.Size(1), momentum, eps, false /* cudnn */);

    /// <summary>The neighbourhood of every pixel of x [B, C, H, W] for a convolution padded by half of it: [B, C·k², h·w].</summary>
    /// <param name="x">The maps.</param>
    /// <param name="kernel">k, odd.</param>
    /// <param name="stride">Every how many pixels; 1 keeps the size.</param>
    public static Tensor Unfold(this Tensor x, int kernel, int stride = 1) =>
        s_unfold.Call(x, new long[] { kernel, kernel }, new long[] { 1, 1 }, new long[] { kernel / 2, kernel / 2 }, new long[] { stride, stride });

    /// <summary>max(x, 0).</summary>
    public static Tensor Relu(this Tensor x) => s_relu.Call(x);

    /// <summary>min(max(x, 0), 6): as hardtanh, whose gradient is several times faster than a clamp's.</summary>
    public static Tensor Relu6(this Tensor x) => s_hardtanh.Call(x, 0.0, 6.0);

    /// <summary>Largest values of square windows of x [B, C, H, W]; padding counts for nothing.</summary>
    public static Tensor MaxPool2d(this Tensor x, int window, int stride, int padding) =>
        s_maxPool2d.Call(x, new long[] { window, window }, new long[] { stride, stride }, new long[] { padding, padding });

    /// <summary>Images [B, C, H, W] resampled to another size, bicubic and antialiased (<c>interpolate(mode="bicubic", antialias=True)</c>).</summary>
    public static Tensor ResizeBicubic(this Tensor x, long height, long width) => s_bicubic.Call(x, new[] { height, width }, false);

    /// <summary>Means over square windows at stride 1 of x [B, C, H, W]; same height and width for an odd window.</summary>
    /// <param name="x">The images.</param>
    /// <param name="window">Side of the window; half of it is padded on every side.</param>
    /// <param name="countPadding">Padding counts as zeros; otherwise means are over what lies inside.</param>
    public static Tensor AvgPool2d(this Tensor x, int window, bool countPadding) => s_avgPool2d.Call(
        x, new long[] { window, window }, new long[] { 1, 1 }, new long[] { window / 2, window / 2 }, false, countPadding);

    /// <summary>Mean cross-entropy of logits [B, C] against class indices [B] or probabilities [B, C].</summary>
    public static Tensor CrossEntropy(Tensor logits, Tensor target, double labelSmoothing = 0) =>
        s_crossEntropy.Call(logits, target, Arg.None, 1 /* mean */, -100, labelSmoothing);

    /// <summary>Mean squared difference over all elements.</summary>
    public static Tensor MseLoss(Tensor a, Tensor b) => s_mse.Call(a, b);

    /// <summary>KL(softmax(teacher) ‖ softmax(student)) of each row of logits [B, C], which no rounding makes negative: shape [B], fp32.</summary>
    public static Tensor KlPerSample(Tensor teacherLogits, Tensor studentLogits)
    {
        var teacher = teacherLogits.To(DType.Float32).LogSoftmax(-1);
        var student = studentLogits.To(DType.Float32).LogSoftmax(-1);
        return (teacher.Exp() * (teacher - student)).Sum([-1]).Clamp(0, double.PositiveInfinity);
    }
}
