using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats.Pickle;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What owns tensors or files says so when it is used after its end, instead of reading memory that is somebody else's by then.</summary>
public class DisposedTests : TorchTest
{
    [Fact]
    public void Models_say_that_they_were_disposed()
    {
        Model[] models = [TestNets.Model(TestNets.TinyNet, 1), ModelRegistry.Find("resnet18")!.Architecture.At(32).Random(VitFamilies.TorchVisionPreprocessing(32), 1)];
        foreach (var model in models)
        {
            var tensor = model.Weights.First();
            var side = model.Architecture.ImageSize;
            model.Dispose();
            model.Dispose();
            Action[] uses =
            [
                () => model.Logits(Tensor.Zeros([1, 3, side, side])), () => model.Clone(), () => _ = model.Device, () => _ = model.Weights.Count, () => _ = model.Weights[tensor.Key], () => model.Weights.Clone(),
                () => model.Weights.Keys.ToList(), () => model.Weights.ToList(), () => model.Weights.ContainsKey(tensor.Key), () => model.Weights.Set("x", Tensor.Zeros([1])), () => model.Weights.RemovePrefix(""),
                () => tensor.Value.Sum(), () => model.ReplaceHead(3, 1),
            ];
            for (var k = 0; k < uses.Length; k++) Should.Throw<ObjectDisposedException>(uses[k], $"{model.GetType().Name} {k}");
        }
    }

    [Fact]
    public void Files_say_that_they_were_disposed()
    {
        var folder = Directory.CreateTempSubdirectory("espalier-");
        try
        {
            var (safetensors, torch) = (Path.Combine(folder.FullName, "a.safetensors"), Path.Combine(folder.FullName, "a.pth"));
            SafetensorsWriter.Write(safetensors, [TensorData.Floats("w", [2], new float[2])]);
            PickleWriter.Save(torch, PickleWriter.Dict(w => w.Tensor(10, 0, [10], [1])));
            foreach (var file in new ITensorFile[] { SafetensorsFile.Open(safetensors), TorchFile.Open(torch) })
            {
                file.ReadFloats("w").Length.ShouldBeGreaterThan(0);
                file.Dispose();
                file.Dispose();
                Should.Throw<ObjectDisposedException>(() => file.ReadFloats("w"), file.GetType().Name);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
