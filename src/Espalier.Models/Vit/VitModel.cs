using System.Globalization;
using Espalier.Models.Data;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>A Vision Transformer with its tensors (timm names). It owns them.</summary>
public sealed class VitModel(VitArchitecture architecture, Preprocessing preprocessing, Weights weights) : Model(preprocessing, weights)
{
    public override VitArchitecture Architecture { get; } = architecture;

    /// <inheritdoc cref="Model.Clone"/>
    public override VitModel Clone() => (VitModel)base.Clone();

    public override Tensor Stem(Tensor pixels, bool training = false) => this.Embed(pixels);

    public override Tensor Blocks(Tensor x, int from, int to, BranchHook? hook = null, bool training = false) => VitForward.Blocks(this, x, from, to, hook);

    public override Tensor Tail(Tensor x, bool training = false) => this.Norm(x);

    public override Tensor AsTokens(Tensor x) => x;

    public override bool IsHead(string name) => VitTensors.IsHead(name);

    public override bool IsAfterFeatures(string name) => IsHead(name) || (Architecture.FcNorm && VitTensors.IsFinalNorm(name));

    public override Tensor Pool(Tensor features) => VitForward.Pool(this, features);

    public override Tensor Head(Tensor features) => VitForward.Head(this, features);

    public override VitModel ReplaceHead(int classes, ulong seed) => VitEdit.ReplaceHead(this, classes, seed);

    internal override Model As(Architecture wanted)
    {
        var resized = wanted.ImageSize == Architecture.ImageSize ? Clone() : this.ResizePositions(wanted.ImageSize);
        if (!Architecture.HasLayerScale || ((VitArchitecture)wanted).HasLayerScale) return resized;
        using (resized) return resized.FoldLayerScale();
    }

    // 0: patches and tokens.
    public override int Layer(string tensor) => IsHead(tensor) || VitTensors.IsFinalNorm(tensor) ? Architecture.Depth + 1
        : tensor.Split('.') is ["blocks", var block, ..] ? int.Parse(block, CultureInfo.InvariantCulture) + 1 : 0;

    internal override GraphProto Graph(OnnxOptions options) => VitOnnx.Graph(this, options);
}
