using Espalier.Evaluation;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.FewShot;

/// <summary>Activation statistics of the teacher for choosing hidden units (DC-ViT §1.2, <c>GELU_sample</c>).</summary>
public static class ActivationStatistics
{
    private const int BatchSize = 25;

    /// <summary>Mean post-GELU activation (signed) of each hidden unit of a block, over images and tokens, evaluation preprocessing.</summary>
    public static float[] MeanActivation(VitModel teacher, ImageDataset images, int block)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var sum = Tensor.Zeros([teacher.Architecture.Blocks[block].MlpHidden], device: teacher.Device);
        for (var start = 0; start < images.Count; start += BatchSize)
        {
            using var batch = new TensorScope();
            var part = images.Subset(Enumerable.Range(start, Math.Min(BatchSize, images.Count - start)));
            var x = teacher.Blocks(teacher.Embed(ImageTensors.Load(part, teacher.Preprocessing, teacher.Device)), 0, block);
            x = teacher.AfterAttention(block, teacher.Downsample(block, x));
            sum.AddInPlace(teacher.MlpHidden(block, x).Mean([1]).Sum([0]), 1.0 / images.Count);
        }
        return sum.ToArray<float>();
    }
}
