using Espalier.DcVit;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests;

/// <summary>A library does not touch what is its program's: whatever it draws, the program's own random numbers stay the same.</summary>
public class ProgramsNumbersTests : TorchTest
{
    private static readonly Dictionary<string, Action> s_calls = new()
    {
        ["fresh weights"] = () => New("tiny-test-vit").Dispose(),
        ["fresh weights of a convolutional network"] = () => New("fashion-resnet").Dispose(),
        ["another head"] = () => With(New("tiny-test-vit"), m => m.ReplaceHead(3, 5).Dispose()),
        ["another head of a convolutional network"] = () => With(New("fashion-resnet"), m => m.ReplaceHead(3, 5).Dispose()),
        ["a fresh MLP"] = () => With((VitModel)New("tiny-test-vit"), m => new BlockCompression(BlockVariant.Compress, MlpInit.RandomInit, 9, null, 5).Apply(m, 2, 0).Dispose()),
        ["images from noise"] = () => With(New("tiny-test-vit"), m => Inversion.Run(m, new SynthesisOptions { Images = 2, Steps = 2 })),
        ["labels from the teacher's answers"] = () => With(New("tiny-test-vit"), m =>
            Sensitivity.Measure(m, TestNets.Images(4, 32, 3, 10, 1), 5, CancellationToken.None).Dispose()),
    };

    public static TheoryData<string> Calls => [.. s_calls.Keys];

    [Theory]
    [MemberData(nameof(Calls))]
    public void They_are_the_same_after(string call)
    {
        var expected = ProgramsNumbers.Expected();
        s_calls[call]();
        ProgramsNumbers.Next().ShouldBe(expected);
    }

    private static Model New(string name) => ModelRegistry.Find(name)!.Architecture.Random(ModelRegistry.Find(name)!.Preprocessing, 3);

    private static void With<T>(T model, Action<T> use) where T : Model
    {
        using (model) use(model);
    }
}
