using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Tests.Supervised;

public class SupervisedTaskTests : TorchTest
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_small_network_learns_to_tell_dark_from_bright(bool bf16)
    {
        var net = TestNets.TinyNet with { Classes = 2, Blocks = [.. TestNets.TinyNet.Blocks.Take(2)] };
        using var model = VitInit.Random(net, VitRegistry.Find("tiny-test-vit")!.Preprocessing, 1);
        var losses = Train(model, Shades(), bf16, 40, model.Preprocessing);
        losses[0].ShouldBeInRange(0.4, 1.0);
        losses.TakeLast(5).Average().ShouldBeLessThan(0.1);
    }

    [Fact]
    public void With_every_switch_off_its_loss_is_plain_cross_entropy()
    {
        using var model = TestNets.Tiny(2);
        var pixels = TestNets.Pixels(model.Architecture, 4, 1);
        var labels = Tensor.From<long>([3, 1, 4, 1]);
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 1);
        var logits = model.Logits(pixels).ToArray<double>();
        var expected = new[] { 3, 1, 4, 1 }.Select((label, i) =>
        {
            var row = logits.AsSpan(i * 10, 10).ToArray();
            return Math.Log(row.Sum(Math.Exp)) - row[label];
        }).Average();
        task.Loss(new TensorBatch(pixels, labels), 0).Item().ShouldBe(expected, 1e-5);
        task.Parameters.Count.ShouldBe(model.Weights.Count);
    }

    [Theory]
    [InlineData("deit_tiny_distilled_patch16_224", "cls_token dist_token pos_embed")]
    [InlineData("vit_small_patch14_reg4_dinov2", "cls_token reg_token pos_embed")]
    public void Weight_decay_is_for_matrices_alone(string name, string exempt)
    {
        var entry = ModelRegistry.Find(name)!;
        using var model = (VitModel)((VitArchitecture)entry.Architecture with { Blocks = [.. ((VitArchitecture)entry.Architecture).Blocks.Take(1)] }).Random(entry.Preprocessing, 1);
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0, seed: 1) { LayerDecay = 0.75 };
        var groups = ((ITrainingTask)task).Groups;
        var free = groups.Where(g => g.Adam is { WeightDecay: 0 }).SelectMany(g => g.Tensors).ToDictionary(t => t.Key, t => t.Value);
        foreach (var token in exempt.Split(' ')) free.Keys.ShouldContain(token);
        groups.SelectMany(g => g.Tensors).Where(t => !free.ContainsKey(t.Key)).ShouldAllBe(t => t.Value.Shape.Length == 2 || t.Key == "patch_embed.proj.weight");
    }

    [Fact]
    public void Images_without_labels_are_refused()
    {
        using var model = TestNets.Tiny(2);
        var task = new SupervisedTask(model, new MixUp(), 0, 1);
        Should.Throw<InputException>(() => task.Loss(new TensorBatch(TestNets.Pixels(model.Architecture, 1, 1), null), 0)).Message
            .ShouldBe("Supervised training needs labels; the data has none.");
    }

    private static List<double> Train(VitModel model, ImageDataset images, bool bf16, int steps, Preprocessing preprocessing)
    {
        var losses = new List<double>();
        var task = new SupervisedTask(model, new MixUp(), dropPath: 0.1, seed: 1);
        using var batches = new ImageBatches(images, new PaddedCropTransform(preprocessing, 2), new LoaderOptions { BatchSize = 16 });
        var options = new TrainingOptions { Steps = steps, LearningRate = new LearningRate { Peak = 1e-3 }, Bf16 = bf16 };
        using var loop = new TrainingLoop(task, batches, options) { OnStep = report => losses.Add(report.Loss) };
        loop.Run();
        loop.Finish();
        return losses;
    }

    private static ImageDataset Shades()
    {
        var random = new SeededRandom(1);
        return new ImageDataset("shades", [.. Enumerable.Range(0, 32).Select(i =>
        {
            var pixels = new byte[32 * 32 * 3];
            for (var k = 0; k < pixels.Length; k++) pixels[k] = (byte)(random.NextInt(100) + (i % 2 == 0 ? 20 : 130));
            return (ImageItem)new ImageMemoryItem($"{i}", i % 2, new ImageBuffer(32, 32, 3, pixels));
        })], classCount: 2);
    }
}
