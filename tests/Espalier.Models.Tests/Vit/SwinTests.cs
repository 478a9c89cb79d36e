using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>Swin Transformers: the integers of the DC-ViT specification, §12, and torchvision's networks.</summary>
public class SwinTests : TorchTest
{
    private static readonly string[] s_modules = ["torch", "torchvision"];

    // Every tensor drawn so that it matters; logits in single precision, as the model's are.
    private const string TorchVision = """
        import os, sys, torch
        from torchvision.models.swin_transformer import SwinTransformer, swin_t, swin_s, swin_b
        torch.set_num_threads(1)
        nets = {'swin_t': swin_t, 'swin_s': swin_s, 'swin_b': swin_b,
            'small': lambda: SwinTransformer([2, 2], 16, [2, 2], [2, 4], [7, 7], num_classes=5),
            'padded': lambda: SwinTransformer([4, 4], 8, [1, 1], [2, 4], [5, 5], num_classes=3)}
        folder, name, side = sys.argv[1], sys.argv[2], int(sys.argv[3])
        torch.manual_seed(1)
        net = nets[name]().eval()
        with torch.no_grad():
            for key, p in net.named_parameters():
                noise = torch.randn_like(p)
                p.copy_(noise * (0.1 if p.dim() == 1 else 0.5 if 'bias_table' in key else p[0].numel() ** -0.5) + (1 if 'norm' in key and key.endswith('weight') else 0))
            pixels = torch.randn(1, 3, side, side)
            torch.save(net.state_dict(), os.path.join(folder, name + '.pth'))
            torch.save({'pixels': pixels, 'logits': net(pixels)}, os.path.join(folder, 'expected.pt'))
        """;

    [Theory]
    [InlineData("swin_tiny_patch4_window7_224", 4_365_327_360, 4_490_566_656, 28_288_354, 115_605_504)]
    [InlineData("swin_small_patch4_window7_224", 8_534_350_848, 8_740_875_264, 49_606_258, 115_605_504)]
    [InlineData("swin_base_patch4_window7_224", 15_155_580_928, 15_430_946_816, 87_768_224, 205_520_896)]
    public void Dense_networks_cost_what_the_papers_count(string name, long budget, long full, long parameters, long attention)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        VitCost.Of(net).ShouldBe(new Cost(parameters, budget, full));
        for (var i = 0; i < net.Depth; i++)
        {
            var norm = 4L * net.TokensOf(i) * net.WidthOf(i);
            (VitCost.Attention(net.Blocks[i], net.WidthOf(i), net.TokensOf(i)).MacsBudget - norm).ShouldBe(attention);
            (VitCost.Mlp(net.Blocks[i], net.WidthOf(i), net.TokensOf(i)).MacsBudget - norm).ShouldBe(2 * attention);
        }
    }

    /// <summary>Swin, Table 1: 88 M parameters and 47.0 G MACs with window 12 at 384 pixels.</summary>
    [Fact]
    public void The_large_window_costs_what_its_paper_says()
    {
        var cost = VitCost.Of(VitRegistry.Find("swin_base_patch4_window12_384.ms_in1k")!.Architecture);
        (cost.Parameters, cost.MacsFull / 100_000_000).ShouldBe((87_903_584, 470));
    }

    [SkippableTheory]
    [InlineData("swin_t", 224)]
    [InlineData("swin_s", 224)]
    [InlineData("swin_b", 224)]
    [InlineData("small", 28)]
    [InlineData("padded", 52)]
    public void Logits_are_those_of_torchvision(string name, int side)
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        PythonOracle.Run(TorchVision, s_modules, folder.Path, name, $"{side}");
        var source = ModelSource.Open(folder[name + ".pth"]);
        source.ReadAs.ShouldBe("torchvision names");
        if (source.Architecture.ImageSize != side) source = source.AtImageSize(side);
        using var model = source.LoadVit();
        using var expected = TensorFiles.Open(folder["expected.pt"]);
        var logits = model.Answer(Stored(expected, "pixels"));
        ExportedNets.ShouldAgree(logits, Stored(expected, "logits"), name);
        logits.Abs().Max().Item().ShouldBeGreaterThan(0.1);
    }

    private static Tensor Stored(ITensorFile file, string name) => Tensor.From<float>(file.ReadFloats(name), file.Info(name).Shape.AsSpan());

    [Fact]
    public void Torchvisions_files_bring_their_preprocessing()
    {
        var (net, preprocessing) = VitRegistry.FindFile("swin_s-5e29d889")!;
        (net.Name, preprocessing.Resize, preprocessing.Mean[0]).ShouldBe(("swin_small_patch4_window7_224", 246, 0.485));
        VitRegistry.Find("swin_base_patch4_window12_384")!.Preprocessing.Resize.ShouldBe(384);
        VitRegistry.Find("swin_tiny_patch4_window7_224.ms_in22k")!.Architecture.Classes.ShouldBe(21841);
    }

    [Fact]
    public void Edited_networks_come_back_from_their_folders_under_timms_names_and_cost_what_their_tensors_do()
    {
        for (var seed = 0UL; seed < 20; seed++)
        {
            using var scope = new TensorScope();
            var random = new SeededRandom(seed, "swin edits");
            var model = TestNets.Model(FamilyNets.Swins[random.NextInt(FamilyNets.Swins.Count)].Net, seed);
            for (var block = 0; block < model.Architecture.Depth; block++)
                using (var before = model) model = Edit(before, block, random);
            using var folder = new TemporaryFolder();
            ModelFolder.Write(folder.Path, model);
            using (var file = SafetensorsFile.Open(folder["model.safetensors"]))
            {
                file.Infos.ShouldAllBe(t => !t.Name.StartsWith("blocks."));
                file.Contains("layers.1.downsample.reduction.weight").ShouldBeTrue();
            }
            using var loaded = ModelSource.Open(folder.Path).LoadVit();
            loaded.Architecture.IsSame(model.Architecture).ShouldBeTrue();
            loaded.Weights.Differences(model.Weights).ShouldBeEmpty();
            VitCost.Of(model.Architecture).ShouldBe(TensorCount.Of(model), $"seed {seed}");
            model.Dispose();
        }
    }

    [Fact]
    public void Bf16_matrix_products_move_logits_by_little_and_gradients_flow()
    {
        foreach (var (name, net) in FamilyNets.Swins.Append(("linear", FamilyNets.Swins[0].Net.WithBlocks(b => b.Shift > 0 ? b.Emptied() with { IsLinear = true } : b))))
        {
            using var scope = new TensorScope();
            using var model = TestNets.Model(net, 2);
            var pixels = TestNets.Pixels(net, 2, 1);
            var expected = model.Answer(pixels);
            foreach (var tensor in model.Weights.Values) tensor.RequiresGrad = true;
            Tensor logits;
            using (new Autocast(true)) logits = model.Logits(pixels).To(DType.Float32);
            Distance(logits, expected).ShouldBeInRange(1e-6, 0.1 * expected.Abs().Max().Item(), name);
            Autograd.Gradients(logits.Pow(2).Sum(), [.. model.Weights.Values]).ShouldAllBe(g => g != null, name);
        }
    }

    [Fact]
    public void A_dropped_first_block_leaves_the_patch_merging_before_it()
    {
        using var model = TestNets.Model(FamilyNets.Swins[0].Net, 1);
        using var dropped = model.DropBlock(2);
        dropped.BlockTensors(2).ShouldBe(["blocks.2.downsample.norm.weight", "blocks.2.downsample.norm.bias", "blocks.2.downsample.reduction.weight"]);
        using var zeroed = model.Clone();
        using (new NoGrad())
            foreach (var name in model.BlockTensors(2).Where(n => n.Contains("proj") || n.Contains("fc2"))) zeroed.Weights[name].Zero();
        var pixels = TestNets.Pixels(model.Architecture, 2, 1);
        Distance(dropped.Answer(pixels), zeroed.Answer(pixels)).ShouldBeLessThan(1e-6);
    }

    [Fact]
    public void Kept_heads_keep_their_biases()
    {
        using var model = TestNets.Model(FamilyNets.Swins[0].Net, 1);
        using var kept = model.KeepHeadChannels(3, heads: 2, [.. Enumerable.Range(6, 6), .. Enumerable.Range(18, 6)]);
        var table = model.Weights["blocks.3.attn.relative_position_bias_table"];
        kept.Weights["blocks.3.attn.relative_position_bias_table"].BitEquals(table.IndexSelect(1, [1, 3])).ShouldBeTrue();
        // The same as the whole attention with the other heads' outputs gone.
        using var masked = model.Clone();
        using (new NoGrad())
            foreach (var start in new[] { 0, 12 }) masked.Weights["blocks.3.attn.proj.weight"].Narrow(1, start, 6).Zero();
        var pixels = TestNets.Pixels(model.Architecture, 2, 1);
        Distance(kept.Answer(pixels), masked.Answer(pixels)).ShouldBeLessThan(1e-5);
    }

    [Fact]
    public void What_does_not_go_with_windows_is_refused()
    {
        var net = FamilyNets.Swins[0].Net;
        using var model = TestNets.Model(net, 1);
        using var without = model.RemoveAttention(1);
        Should.Throw<ArgumentException>(() => without.AddMixer(1, 0)).Message.ShouldContain("attends within windows");
        Should.Throw<ArgumentException>(() => model.MergeTokens(net with { Blocks = net.Blocks.SetItem(0, net.Blocks[0] with { TokensMerged = 1 }) }))
            .Message.ShouldBe("windows need every token in its place, so none can be merged into another.");
        net.Check().ShouldBeNull();
        (net with { ClassToken = true }).Check().ShouldNotBeNull().ShouldContain("no tokens but patches");
        net.WithBlocks(b => b with { Shift = 4 }).Check().ShouldNotBeNull().ShouldContain("a window of 4 and a shift of 4");
        net.WithBlocks(b => b with { DownsampleDim = 12 }).Check().ShouldNotBeNull().ShouldContain("before block 0");
        (VitRegistry.Find("tiny-test-vit")!.Architecture.WithBlocks(b => b with { Window = 2 })).Check().ShouldNotBeNull().ShouldContain("only a network in stages");
    }

    private static VitModel Edit(VitModel model, int block, SeededRandom random)
    {
        switch (random.NextInt(6))
        {
            case 0: return model.RemoveAttention(block);
            case 1: return model.RemoveMlp(block);
            case 2: return model.DropBlock(block);
            case 3: return model.ReplaceByLinear(block);
            case 4: return model.KeepHidden(block, RandomEdits.Units(model, block, random));
            default: return model.SetNormEps(block, 1e-3);
        }
    }
}
