using Espalier.Evaluation;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>What a repair looks at besides each image as it is: few images then say more, and fits hold better for others.</summary>
/// <param name="Crops">Random crops of each image, at least 0.</param>
/// <param name="Mixed">Whether each crop is mixed with a crop of another image of its batch (mixup), by shares drawn evenly from [0, 1].</param>
/// <param name="Seed">Of crops and shares.</param>
public sealed record Views(int Crops = 0, bool Mixed = true, ulong Seed = 0)
{
    private const double MinCropArea = 0.35;

    /// <summary>Views of each image, the image itself among them.</summary>
    internal int Count => 1 + Crops;

    /// <summary>One view of some images, [B, C, S, S].</summary>
    /// <param name="images">The images of one batch, so that a view never leaves its fold.</param>
    /// <param name="model">Gives preprocessing and device.</param>
    /// <param name="view">0 is the images as they are.</param>
    /// <param name="batch">Which batch of all that is, in all processes alike.</param>
    internal Tensor Load(ImageDataset images, Model model, int view, int batch)
    {
        if (view == 0) return ImageTensors.Load(images, model.Preprocessing, model.Device);
        using var scope = new TensorScope();
        var random = new SeededRandom(Seed, "calibration views", batch);
        var crop = new TrainTransform(model.Preprocessing, new TrainTransformOptions { Crop = new RandomResizedCrop { MinScale = MinCropArea }, RandAugment = null });
        var crops = ImageTensors.Load(images, crop, random.NextUInt64(), model.Device);
        if (!Mixed) return scope.Keep(crops);
        var order = Enumerable.Range(0, images.Count).ToArray();
        random.Shuffle(order.AsSpan());
        var others = ImageTensors.Load(images.Subset(order), crop, random.NextUInt64(), model.Device);
        var shares = Tensor.From<float>([.. order.Select(_ => (float)random.NextDouble())], [images.Count, 1, 1, 1], model.Device);
        return scope.Keep(others + (crops - others) * shares);
    }
}
