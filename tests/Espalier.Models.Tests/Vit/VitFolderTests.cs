using Espalier.Models.Formats;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Vit;

/// <summary>Models on disk.</summary>
public class VitFolderTests : TorchTest
{
    [Fact]
    public void Every_edited_model_comes_back_as_it_was_written()
    {
        for (var seed = 0UL; seed < 20; seed++)
        {
            using var folder = new TemporaryFolder();
            using var model = RandomEdits.Model(seed);
            ModelFolder.Write(folder.Path, model);
            using var loaded = ModelSource.Open(folder.Path).LoadVit();
            loaded.Architecture.Blocks.ShouldBe(model.Architecture.Blocks);
            (loaded.Architecture with { Blocks = model.Architecture.Blocks }).ShouldBe(model.Architecture);
            loaded.Weights.Keys.ShouldBe(model.Weights.Keys);
            var pixels = TestNets.Pixels(model.Architecture, 2, seed);
            loaded.Answer(pixels).BitEquals(model.Answer(pixels)).ShouldBeTrue();
        }
    }

    [Fact]
    public void The_same_model_gives_the_same_bytes()
    {
        using var first = new TemporaryFolder();
        using var second = new TemporaryFolder();
        using var model = RandomEdits.Model(3);
        ModelFolder.Write(first.Path, model);
        using var loaded = ModelSource.Open(first.Path).LoadVit();
        ModelFolder.Write(second.Path, loaded);
        first.Files.ShouldBe(["config.json", "load_in_python.py", "model.safetensors", "preprocessor_config.json"]);
        second.Files.ShouldBe(first.Files);
        foreach (var file in first.Files) File.ReadAllBytes(second[file]).ShouldBe(File.ReadAllBytes(first[file]), file);
    }

    [Fact]
    public void Intermediate_files_come_back_and_fit_one_architecture_only()
    {
        using var folder = new TemporaryFolder();
        using var model = RandomEdits.Model(3);
        ModelFile.Write(folder["step"], model);
        using var weights = ModelFile.ReadFile(folder["step"], model.Architecture);
        weights.Differences(model.Weights).ShouldBeEmpty();
        Should.Throw<InputException>(() => ModelFile.ReadFile(folder["step"], model.Architecture with { Classes = 77 })).Message
            .ShouldContain("tensor head.bias has shape");
        Should.Throw<InputException>(() => ModelFile.ReadFile(folder["step"], TestNets.TinyNet));
    }

    [Fact]
    public void Fresh_weights_depend_on_the_seed_alone()
    {
        var source = ModelSource.Open("tiny-test-vit");
        using var one = source.LoadVit(seed: 1);
        using var again = source.LoadVit(seed: 1);
        using var other = source.LoadVit(seed: 2);
        again.Weights.Differences(one.Weights).ShouldBeEmpty();
        other.Weights.Differences(one.Weights).ShouldContain("head.weight");
    }
}
