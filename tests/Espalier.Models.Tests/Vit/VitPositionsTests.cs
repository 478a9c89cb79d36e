using System.Globalization;
using Espalier.Models.Formats;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>Position embeddings at other image sizes, against PyTorch.</summary>
public class VitPositionsTests : TorchTest
{
    private static readonly string[] s_modules = ["torch"];

    // rows, prefix, side, new side, width, then the values.
    private const string Script = """
        import sys, torch
        for line in open(sys.argv[1]):
            prefix, side, new, width, *values = line.split()
            prefix, side, new, width = int(prefix), int(side), int(new), int(width)
            rows = torch.tensor([float(v) for v in values], dtype=torch.float32).reshape(prefix + side * side, width)
            grid = rows[prefix:].t().reshape(1, width, side, side)
            grid = torch.nn.functional.interpolate(grid, size=(new, new), mode='bicubic', antialias=True, align_corners=False)
            rows = torch.cat([rows[:prefix], grid.reshape(width, new * new).t()])
            print(' '.join(repr(v) for v in rows.flatten().tolist()))
        """;

    [Fact]
    public void A_network_that_merges_tokens_needs_as_many()
    {
        var net = VitArchitecture.Uniform("net", imageSize: 16, patchSize: 4, channels: 1, embedDim: 8, depth: 2, heads: 2, classes: 3).WithBlocks(b => b with { TokensMerged = 4 });
        net.CheckMerging().ShouldBeNull();
        net.AtImageSize(24).TokensInto(1).ShouldBe(33);
        Should.Throw<UsageException>(() => net.AtImageSize(8)).Message.ShouldContain("block 0 merges 4 of 5 tokens");
        Should.Throw<UsageException>(() => net.AtImageSize(9)).Message.ShouldContain("a multiple of its patch size, 4");
    }

    [SkippableFact]
    public void Positions_are_resampled_as_PyTorch_does_it_and_other_tokens_keep_theirs()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        var cases = FamilyNets.All.Where(m => !m.Net.Staged).SelectMany(m => new[] { 8, 20, 28 }.Select(size => (m.Net, Size: size))).ToList();
        var (lines, results) = (new List<string>(), new List<float[]>());
        foreach (var (net, size) in cases)
        {
            using var model = TestNets.Model(net, 2);
            using var resized = model.ResizePositions(size);
            resized.Architecture.ShouldBe(net with { ImageSize = size });
            resized.Preprocessing.Size.ShouldBe(size);
            resized.Weights.Differences(model.Weights).ShouldBe(["pos_embed"]);
            resized.Answer(TestNets.Pixels(resized.Architecture, 2, 1)).AllFinite().ShouldBeTrue();
            lines.Add(Line(net.Positions - net.Patches, net.Grid, size / 4, model.Weights["pos_embed"]));
            results.Add(resized.Weights["pos_embed"].ToArray<float>());
        }
        File.WriteAllLines(folder["cases"], lines);
        var output = PythonOracle.Run(Script, s_modules, folder["cases"]).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        output.Length.ShouldBe(cases.Count);
        for (var k = 0; k < cases.Count; k++)
            results[k].ShouldBe([.. output[k].Split(' ').Select(v => float.Parse(v, CultureInfo.InvariantCulture))], 1e-6f, $"case {k}");
    }

    [SkippableFact]
    public void The_biases_of_token_mixers_are_resampled_alike()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        using var dense = TestNets.Model(FamilyNets.All.First(m => !m.Net.Staged).Net, 3);
        using var model = RandomEdits.Mix(dense, 1, new SeededRandom(1));
        using var resized = model.ResizePositions(24);
        const string Bias = "blocks.1.mixer.bias";
        resized.Weights.Differences(model.Weights).ShouldBe(["pos_embed", Bias]);
        File.WriteAllText(folder["case"], Line(model.Architecture.PrefixTokens, 3, 6, model.Weights[Bias]));
        var expected = PythonOracle.Run(Script, s_modules, folder["case"]).Trim().Split(' ').Select(v => float.Parse(v, CultureInfo.InvariantCulture));
        resized.Weights[Bias].ToArray<float>().ShouldBe([.. expected], 1e-6f);
    }

    [Fact]
    public void The_same_size_changes_nothing_and_an_odd_one_is_refused()
    {
        using var model = TestNets.Tiny(1);
        using var same = model.ResizePositions(32);
        same.Weights.Differences(model.Weights).ShouldBeEmpty();
        foreach (var size in new[] { 0, -8, 33, 4 })
            Should.Throw<UsageException>(() => model.ResizePositions(size)).Message.ShouldBe($"An image size of {size} does not suit tiny-test-vit: give a multiple of its patch size, 8.");
    }

    [Fact]
    public void Windows_go_to_another_size_without_a_change_of_tensors()
    {
        foreach (var (name, net) in FamilyNets.Swins)
            foreach (var size in new[] { 8, 20, 36 })
            {
                using var model = TestNets.Model(net, 2);
                using var resized = model.ResizePositions(size);
                resized.Architecture.ShouldBe(net with { ImageSize = size }, name);
                resized.Weights.Differences(model.Weights).ShouldBeEmpty();
                resized.Answer(TestNets.Pixels(resized.Architecture, 2, 1)).AllFinite().ShouldBeTrue();
            }
    }

    [Fact]
    public void A_model_is_opened_at_another_size()
    {
        using var folder = new TemporaryFolder();
        using var model = TestNets.Tiny(1);
        ModelFolder.Write(folder.Path, model);
        using var loaded = ModelSource.Open(folder.Path).AtImageSize(48).LoadVit();
        using var resized = model.ResizePositions(48);
        loaded.Weights.Differences(resized.Weights).ShouldBeEmpty();
        (loaded.Preprocessing.Size, loaded.Architecture.Tokens).ShouldBe((48, 37));
        using var random = ModelSource.Open("tiny-test-vit").AtImageSize(48).LoadVit();
        random.Weights["pos_embed"].Shape.ShouldBe([1, 37, 64]);
    }

    private static string Line(int prefix, int side, int newSide, Tensor rows) => string.Join(' ',
        new[] { $"{prefix}", $"{side}", $"{newSide}", $"{rows.Size(-1)}" }.Concat(rows.ToArray<float>().Select(v => v.ToString("R", CultureInfo.InvariantCulture))));
}
