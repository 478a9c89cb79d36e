using System.Globalization;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats;
using Espalier.Torch;

namespace Espalier.Models.Tests.Cnn;

/// <summary>Published architectures against torchvision's: its state dict as a .pth, its logits, and what a training step does to the statistics.</summary>
public sealed class TorchvisionTests : TorchTest
{
    private static readonly string[] s_modules = ["torch", "torchvision"];

    private const string Script = """
        import sys, torch, torchvision
        torch.set_num_threads(1)
        torch.manual_seed(0)
        name, size, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
        net = getattr(torchvision.models, name)(**({'width_mult': float(sys.argv[4])} if len(sys.argv) > 4 else {}))
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                torch.nn.init.normal_(module.running_mean, 0, 0.1)
                torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
                torch.nn.init.uniform_(module.weight, 0.5, 1.5)
                torch.nn.init.normal_(module.bias, 0, 0.1)
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        torch.save(net.state_dict(), f'{folder}/{name}.pth')
        pixels = torch.randn(2, 3, size, size)
        pixels.numpy().tofile(f'{folder}/pixels')
        with torch.no_grad():
            print(' '.join(repr(v) for v in net.eval()(pixels).flatten().tolist()))
            print(' '.join(repr(v) for v in net.train()(pixels).flatten().tolist()))
        torch.save(net.state_dict(), f'{folder}/after.pth')
        """;

    [SkippableTheory]
    [InlineData("resnet18", 64)]
    [InlineData("resnet34", 96)]
    [InlineData("resnet50", 64)]
    [InlineData("mobilenet_v2", 96)]
    [InlineData("mobilenet_v2", 64, "0.35")]
    public void Logits_and_running_statistics_agree(string name, int size, params string[] width)
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        var lines = PythonOracle.Run(Script, s_modules, [name, $"{size}", folder.Path, .. width]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        using var bytes = File.OpenRead(folder["pixels"]);
        var values = new float[2 * 3 * size * size];
        bytes.ReadExactly(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan()));
        var pixels = Tensor.From<float>(values, 2, 3, size, size);

        using var model = ModelSource.Open(folder[$"{name}.pth"]).AtImageSize(size).Load().ShouldBeOfType<CnnModel>();
        model.Preprocessing.ShouldBe(CnnRegistry.ImageNet(size) with { Mean = model.Preprocessing.Mean, Std = model.Preprocessing.Std });
        model.Preprocessing.Mean.ShouldBe([0.485, 0.456, 0.406]);
        ShouldAgree(model.Answer(pixels), lines[0]);
        using (new NoGrad()) ShouldAgree(model.TrainingLogits(pixels), lines[1]);

        using var after = ModelSource.Open(folder["after.pth"]).Load();
        foreach (var (tensor, value) in after.Weights)
            Distance(model.Weights[tensor], value).ShouldBeLessThanOrEqualTo(1e-4 * Math.Max(1, value.Abs().Max().Item()), tensor);
    }

    private static void ShouldAgree(Tensor logits, string line)
    {
        var expected = line.Split(' ').Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray();
        Distance(logits.Reshape(-1), Tensor.From(expected)).ShouldBeLessThanOrEqualTo(1e-4 * expected.Max(Math.Abs));
    }
}
