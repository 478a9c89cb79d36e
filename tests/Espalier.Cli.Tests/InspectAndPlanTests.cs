using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class InspectAndPlanTests
{
    [Fact]
    public void Inspect_gives_one_json_document_with_the_stable_keys()
    {
        var run = CliRun.Of("inspect vit_tiny_patch16_224 --json");

        run.Code.ShouldBe(0);
        run.Error.ShouldBeEmpty();
        using var json = JsonDocument.Parse(run.Out);
        var root = json.RootElement;
        root.GetProperty("architecture").GetString().ShouldBe("vit_tiny_patch16_224");
        root.GetProperty("params").GetInt64().ShouldBe(5_717_416);
        root.GetProperty("macs_budget").GetInt64().ShouldBe(1_078_633_728);
        root.GetProperty("macs_full").GetInt64().ShouldBe(1_253_683_200);
        Keys(root.GetProperty("blocks")[3]).ShouldBe(["index", "kind", "heads", "qk_dim", "v_dim", "mlp_hidden", "params", "macs_budget", "macs_full"]);
        Keys(root.GetProperty("preprocessing")).ShouldBe(["size", "resize", "crop", "interpolation", "mean", "std"]);
        root.GetProperty("blocks")[3].GetProperty("kind").GetString().ShouldBe("full");
        root.GetProperty("preprocessing").GetProperty("interpolation").GetString().ShouldBe("bicubic");
    }

    [Fact]
    public void Inspect_shows_the_rank_of_a_mixer_where_there_is_one()
    {
        using var folder = new TemporaryFolder();
        var dense = VitArchitecture.Uniform("tiny", 8, patchSize: 4, channels: 1, embedDim: 8, depth: 3, heads: 2, classes: 6);
        var net = dense with { Blocks = [dense.Blocks[0], new VitBlock { MlpHidden = 32 }, new VitBlock { MlpHidden = 32, MixerRank = 0 }] };
        using (var model = VitInit.Random(net, new Preprocessing { Size = 8, CropFraction = 1, Mean = [0.5], Std = [0.25] }, seed: 1))
            ModelFolder.Write(Directory.CreateDirectory(folder["model"]).FullName, model);

        using var json = JsonDocument.Parse(CliRun.Of("inspect", folder["model"], "--json").Out);
        var blocks = json.RootElement.GetProperty("blocks").EnumerateArray().ToArray();
        blocks[0].TryGetProperty("mixer_rank", out _).ShouldBeFalse();
        blocks[1].TryGetProperty("mixer_rank", out _).ShouldBeFalse();
        (blocks[2].GetProperty("mixer_rank").GetInt32(), blocks[2].GetProperty("kind").GetString()).ShouldBe((0, "ffn_only"));
        // 5 positions of width 8.
        (blocks[2].GetProperty("params").GetInt64() - blocks[1].GetProperty("params").GetInt64()).ShouldBe(40);
        CliRun.Of("inspect", folder["model"]).Out.ShouldContain("mixer rank");
        CliRun.Of("inspect vit_tiny_patch16_224").Out.ShouldNotContain("mixer");
    }

    [Fact]
    public void Plan_gives_the_papers_structure()
    {
        using var json = JsonDocument.Parse(CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.756778175 --json").Out);
        var root = json.RootElement;
        root.GetProperty("target_macs").GetDouble().ShouldBe(816_286_464, 1);
        var chosen = root.GetProperty("options")[root.GetProperty("chosen").GetInt32()];
        chosen.GetProperty("blocks").GetInt32().ShouldBe(4);
        chosen.GetProperty("hidden").GetInt32().ShouldBe(287);
        chosen.GetProperty("macs_budget").GetInt64().ShouldBe(816_286_464);
        chosen.GetProperty("structure").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public void Plan_follows_a_forced_number_of_blocks()
    {
        using var json = JsonDocument.Parse(CliRun.Of("plan vit_tiny_patch16_224 --keep-macs 0.75 --k 6 --json").Out);
        var root = json.RootElement;
        root.GetProperty("options")[root.GetProperty("chosen").GetInt32()].GetProperty("blocks").GetInt32().ShouldBe(6);
    }

    [Fact]
    public void Plan_offers_whole_blocks_too()
    {
        using var json = JsonDocument.Parse(CliRun.Of("plan vit_tiny_patch16_224 --reduce-macs 25% --method drop-blocks --json").Out);
        json.RootElement.GetProperty("options")[0].GetProperty("blocks").GetInt32().ShouldBe(4);
    }

    [Fact]
    public void Tables_say_which_macs_they_mean()
    {
        foreach (var command in new[] { "inspect vit_tiny_patch16_224", "plan vit_tiny_patch16_224 --keep-macs 0.75" })
        {
            var run = CliRun.Of(command);
            run.Out.ShouldContain("MACs (budget)");
            run.Out.ShouldContain("MACs (full)");
        }
    }

    private static string[] Keys(JsonElement element) => [.. element.EnumerateObject().Select(p => p.Name)];
}
