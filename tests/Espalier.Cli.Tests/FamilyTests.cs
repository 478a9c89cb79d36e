using System.Text.Json;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>The commands on members of the family that differ from the original ViT.</summary>
public sealed class FamilyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public FamilyTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    [Theory]
    [InlineData("espalier", "distilled")]
    [InlineData("espalier", "average")]
    [InlineData("espalier", "normed")]
    [InlineData("espalier", "swin")]
    [InlineData("dc-vit", "distilled")]
    [InlineData("dc-vit", "average")]
    [InlineData("dc-vit", "normed")]
    [InlineData("dc-vit", "swin")]
    public void Every_member_is_compressed_and_the_result_is_a_model_again(string method, string member)
    {
        var model = Write(member);
        var run = CliRun.Of("compress", model, "--keep-macs", "0.7", "--method", method, "--images", _folder.WriteImages("images", 12), "-n", "12", "--steps", "2",
            "--synthesis-steps", "2", "--eval", _folder.WriteImages("data", 6, 0, 1, 2, 3, 4, 5), "-o", _folder["out"], "--threads", "1", "--quiet", "--json");
        run.Code.ShouldBe(0, run.Error);
        using var json = JsonDocument.Parse(run.Out);
        var after = json.RootElement.GetProperty("macs_budget_after").GetInt64();
        ((double)after).ShouldBeLessThanOrEqualTo(0.7 * json.RootElement.GetProperty("macs_budget_before").GetInt64() * (1 + 1e-8));
        Inspect(_folder["out"]).GetProperty("macs_budget").GetInt64().ShouldBe(after);
        CliRun.Of("evaluate", _folder["out"], "--data", _folder["data"], "--against", model, "--quiet", "--json").Code.ShouldBe(0);
    }

    [Theory]
    [InlineData("espalier")]
    [InlineData("dc-vit")]
    [InlineData("magnitude")]
    public void A_network_without_a_head_is_compressed_by_its_features(string method)
    {
        string[] command = ["compress", Write("headless"), "--keep-macs", "0.7", "--method", method, "--steps", "2", "-o", _folder["out"], "--threads", "1", "--quiet", "--json"];
        var blind = CliRun.Of(command);
        blind.Code.ShouldBe(ExitCodes.Usage, "no image can be synthesised for it");
        blind.ErrorLine.ShouldContain("give images");
        Directory.Exists(_folder["out"]).ShouldBeFalse();
        var run = CliRun.Of([.. command, "--images", _folder.WriteImages("images", 12), "-n", "12"]);
        run.Code.ShouldBe(0, run.Error);
        Inspect(_folder["out"]).GetProperty("classes").GetInt32().ShouldBe(0);
    }

    [Fact]
    public void A_finetune_takes_images_of_another_size_and_puts_a_head_on_what_has_none()
    {
        var run = CliRun.Of("finetune", Write("headless"), "--data", _folder.WriteImages("data", 6, 0, 1, 2, 0, 1, 2), "--image-size", "12", "--steps", "2",
            "--batch", "3", "-o", _folder["out"], "--threads", "1", "--quiet", "--json");
        run.Code.ShouldBe(0, run.Error);
        var found = Inspect(_folder["out"]);
        (found.GetProperty("classes").GetInt32(), found.GetProperty("preprocessing").GetProperty("size").GetInt32()).ShouldBe((3, 12));
        CliRun.Of("evaluate", _folder["out"], "--data", _folder["data"], "--quiet").Code.ShouldBe(0);
        CliRun.Of("evaluate", _folder["out"], "--data", _folder["data"], "--image-size", "16", "--quiet").Code.ShouldBe(0);
        var odd = CliRun.Of("evaluate", _folder["out"], "--data", _folder["data"], "--image-size", "13", "--quiet");
        odd.Code.ShouldBe(ExitCodes.Usage);
        odd.ErrorLine.ShouldContain("give a multiple of its patch size, 4");
    }

    [Fact]
    public void What_needs_a_head_says_so()
    {
        var model = Write("headless");
        foreach (var command in new[] { new[] { "predict", model, "--images", _folder.WriteImages("images", 2) }, ["synthesize", model, "-n", "2", "--steps", "1", "-o", _folder["out"]] })
        {
            var run = CliRun.Of([.. command, "--quiet"]);
            run.Code.ShouldBe(ExitCodes.Input, run.Error);
            run.ErrorLine.ShouldContain("has no head");
        }
    }

    [Fact]
    public void Inspect_says_what_is_other_than_in_the_original()
    {
        CliRun.Of("inspect", "deit_tiny_distilled_patch16_224").Out.ShouldContain("With distillation token with a head of its own.");
        CliRun.Of("inspect", "vit_small_patch14_reg4_dinov2").Out.ShouldContain("With 4 registers, positions of patches only, layer scale, no head.");
        CliRun.Of("inspect", "vit_tiny_patch16_224").Out.ShouldNotContain("With ");
        CliRun.Of("inspect", "swin_tiny_patch4_window7_224").Out.ShouldContain("With stages of 2, 2, 6, 2 blocks of width 96, 192, 384, 768, windows of 7, mean of patches.");
        var resized = CliRun.Of("inspect", "vit_tiny_patch16_224", "--image-size", "384").Out;
        resized.ShouldContain("Input 384×384");
    }

    private string Write(string member)
    {
        var net = VitArchitecture.Uniform("tiny", TinyModel.Side, patchSize: 4, channels: 1, embedDim: 16, depth: 4, heads: 2, TinyModel.Classes);
        net = member switch
        {
            "distilled" => (net with { DistToken = true, DistHead = true }).WithBlocks(b => b with { LayerScale = true, QkvBias = false }),
            "average" => net with { ClassToken = false, RegTokens = 2, EmbedPrefix = false, Pool = Pooling.Average, FcNorm = true },
            "swin" => VitArchitecture.Swin("tiny", TinyModel.Side, patchSize: 2, channels: 1, embedDim: 16, depths: [2, 4], headDim: 8, window: 3, TinyModel.Classes),
            "normed" => (net with { PreNorm = true, PatchBias = false }).WithBlocks(b => b with { QkNorm = true }),
            _ => net with { Classes = 0 },
        };
        using var model = VitInit.Random(net, new Preprocessing { Size = TinyModel.Side, CropFraction = 1, Mean = [0.5], Std = [0.25] }, seed: 1);
        ModelFolder.Write(Directory.CreateDirectory(_folder[member]).FullName, model);
        return _folder[member];
    }

    private static JsonElement Inspect(string model)
    {
        var run = CliRun.Of("inspect", model, "--json");
        run.Code.ShouldBe(0, run.Error);
        return JsonDocument.Parse(run.Out).RootElement;
    }
}
