using Espalier.Evaluation;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// The closed-form repair of a convolutional block that lost inner channels: its last convolution is solved anew, on the student's own maps, towards
/// what the teacher's convolution makes of all its channels. A convolution is a linear layer of every pixel's neighbourhood.
/// </summary>
public static class ConvolutionRepair
{
    private const int MostImages = 200, Folds = 5;

    /// <summary>The student with the last convolution of one block repaired; the given one stays as it is.</summary>
    /// <param name="teacher">The original network.</param>
    /// <param name="student">The network whose block was narrowed.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="images">At least 2; no more than 200 are looked at.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public static CnnModel Run(CnnModel teacher, CnnModel student, int block, ImageDataset images, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var weight = student.LastWeight(block);
        var (outputs, inputs) = ((int)weight.Size(0), (int)(weight.Count / weight.Size(0)));
        images = images.Take(MostImages);
        var parts = Enumerable.Range(0, images.Count).Chunk(Math.Max(1, (images.Count + Folds - 1) / Folds)).ToList();
        using var sums = new GramSums(inputs, outputs, Math.Max(2, parts.Count), student.Device);
        for (var fold = 0; fold < parts.Count; fold++)
            foreach (var batch in parts[fold].Chunk(25))
            {
                cancellation.ThrowIfCancellationRequested();
                using var inner = new TensorScope();
                var pixels = ImageTensors.Load(images.Subset(batch), teacher.Preprocessing, teacher.Device);
                var seen = student.LastConvolution(block, pixels).Inputs.Unfold((int)weight.Size(2)).Transpose(1, 2);
                var wanted = teacher.LastConvolution(block, pixels).Outputs.Reshape(batch.Length, outputs, -1).Transpose(1, 2);
                sums.Add(seen, wanted, Tensor.Ones([seen.Size(1)], device: student.Device), fold);
            }
        var prior = Tensor.Cat([weight.Reshape(outputs, inputs).To(DType.Float64), Tensor.Zeros([outputs, 1], DType.Float64, student.Device)], 1);
        int[] all = [.. Enumerable.Range(0, inputs)];
        var solved = Ridge.Solve(sums.Gram(), sums.Cross(), prior, all, Ridge.ChooseStrength(sums, prior, all)).To(DType.Float32);
        return student.ReplaceLast(block, solved.Narrow(1, 0, inputs).Reshape(weight.Shape), solved.Select(1, inputs));
    }
}
