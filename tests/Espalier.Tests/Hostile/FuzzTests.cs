using Espalier.Benchmarks.Fuzzing;

namespace Espalier.Tests.Hostile;

/// <summary>
/// The first inputs of the fuzzing campaign, always the same ones: every parser ends with success or with a message that names the file, within a
/// second and a small multiple of the input's memory. <c>benchmarks/fuzz.sh</c> goes on from there.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const int Inputs = 1500, Images = 400;
    private readonly FuzzFolder _folder = new();
    private readonly FuzzTargets _targets;

    public FuzzTests() => _targets = new(_folder, Path.Combine(SharedData.Root, "tests", "Espalier.Models.Tests", "Data", "Fixtures"));

    public static TheoryData<string> Parsers => ["safetensors", "index", "pth-zip", "pth-legacy", "config", "preprocessor", "model folder", "labels", "run", "report", "study"];

    public static TheoryData<string> Decoders => ["png", "jpeg", "webp", "bmp"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Parsers))]
    public void No_file_does_harm(string parser) => Feed(_targets.Parsers().Single(t => t.Name == parser), Inputs);

    [Theory]
    [MemberData(nameof(Decoders))]
    public void No_image_does_harm(string decoder) => Feed(_targets.Images().Single(t => t.Name == decoder), Images);

    [Fact]
    public void The_seeds_themselves_are_read()
    {
        foreach (var target in _targets.Parsers().Concat(_targets.Images()))
            target.Seeds.Select(seed => FuzzRunner.Run(target, seed).End).ShouldContain(FuzzEnd.Accepted, target.Name);
    }

    [Fact]
    public void What_must_not_be_is_found()
    {
        Fault(_ => throw new InvalidOperationException("x")).ShouldContain("InvalidOperationException");
        Fault(_ => throw new InputException("something is wrong")).ShouldContain("does not name a.bin");
        Fault(_ => GC.KeepAlive(new byte[10 << 20])).ShouldContain("allocated");
        Fault(_ => Thread.Sleep(1100)).ShouldContain("took 1.");
        FuzzRunner.Run(Target(_ => throw new InputException("a.bin is wrong")), [1]).End.ShouldBe(FuzzEnd.Refused);
        Should.Throw<InvalidOperationException>(() => _folder.RequireInside(_folder["../x"]));

        string Fault(Action<byte[]> read) => FuzzRunner.Run(Target(read), [1]).Fault!;

        FuzzTarget Target(Action<byte[]> read) => new("test", [[1]], (seed, _, _) => seed, read, "a.bin");
    }

    private static void Feed(FuzzTarget target, int count)
    {
        for (var number = 0L; number < count; number++)
        {
            var (end, fault, _) = FuzzRunner.Run(target, target.Input(number));
            end.ShouldNotBe(FuzzEnd.Finding, $"{target.Name} {number}: {fault}");
        }
    }
}
