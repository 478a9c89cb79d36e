using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>What holds for the original ViT holds for every member of its family.</summary>
public class FamilyTests : TorchTest
{
    public static TheoryData<string> Members => [.. FamilyNets.All.Select(m => m.Name)];

    public static TheoryData<string> Names => [.. VitRegistry.Names];

    [Theory]
    [MemberData(nameof(Members))]
    public void A_member_comes_back_from_its_folder_and_costs_what_its_tensors_do(string name)
    {
        using var model = TestNets.Model(Net(name), 3);
        ShouldComeBack(model);
        VitCost.Of(model.Architecture).ShouldBe(TensorCount.Of(model));
    }

    [Theory]
    [MemberData(nameof(Members))]
    public void A_member_is_recognised_by_its_shapes(string name)
    {
        var net = Net(name);
        var shapes = VitTensors.Expected(net).ToDictionary(t => net.FileName(t.Name), t => t.Shape);
        var inferred = VitInference.Infer(shapes, new VitHints("family", 2, net.LayerNormEps, net.Pool, net.ImageSize), "file").Architecture;
        inferred.Blocks.ShouldBe(net.Blocks);
        (inferred with { Blocks = net.Blocks }).ShouldBe(net);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_registered_network_made_small_comes_back_from_its_folder(string name)
    {
        var net = VitRegistry.Find(name)!.Architecture;
        net = (net with { PatchSize = 4, ImageSize = 12, Channels = 1, EmbedDim = 8, Classes = Math.Min(net.Classes, 3), Blocks = net.Blocks[..2] })
            .WithBlocks(b => b with { Heads = 2, QkDim = 4, VDim = 4, MlpHidden = 6 });
        using var model = TestNets.Model(net, 4);
        ShouldComeBack(model);
    }

    [Fact]
    public void Edited_members_come_back_from_their_folders_and_cost_what_their_tensors_do()
    {
        for (var seed = 0UL; seed < 24; seed++)
        {
            using var scope = new TensorScope();
            using var model = RandomEdits.Model(seed, family: true);
            ShouldComeBack(model);
            VitCost.Of(model.Architecture).ShouldBe(TensorCount.Of(model), $"seed {seed}");
        }
    }

    [Fact]
    public void Folded_layer_scales_leave_the_network_as_it_was()
    {
        foreach (var net in FamilyNets.All.Select(m => m.Net).Where(n => n.HasLayerScale))
        {
            using var model = TestNets.Model(net, 5);
            using var folded = model.FoldLayerScale();
            var pixels = TestNets.Pixels(net, 3, 5);
            Distance(folded.Answer(pixels), model.Answer(pixels)).ShouldBeLessThan(1e-5);
            folded.Architecture.HasLayerScale.ShouldBeFalse();
            folded.Weights.Keys.ShouldBe(VitTensors.Expected(folded.Architecture).Select(t => t.Name));
            // The same from the disk.
            using var folder = new TemporaryFolder();
            ModelFolder.Write(folder.Path, model);
            var source = ModelSource.Open(folder.Path).FoldLayerScale();
            source.Vit.Blocks.ShouldBe(folded.Architecture.Blocks);
            using var loaded = source.LoadVit();
            loaded.Weights.Differences(folded.Weights).ShouldBeEmpty();
        }
    }

    [Fact]
    public void Normalised_queries_and_keys_keep_their_width()
    {
        using var model = TestNets.Model(Net("q/k norms"), 6);
        var (qkv, projection) = (Linear(2 * (2 * 3 + 6), 12), Linear(12, 12));
        Should.Throw<ArgumentException>(() => model.ReplaceAttention(0, 2, 3, 6, qkv, projection)).Message
            .ShouldBe("Block 0 normalises its queries and keys; their width of 6 cannot become 3.");
        using var narrower = model.ReplaceAttention(0, 2, 6, 4, Linear(2 * (2 * 6 + 4), 12), Linear(12, 8));
        narrower.Answer(TestNets.Pixels(model.Architecture, 2, 1)).Shape.ShouldBe([2, 5]);
        narrower.Weights["blocks.0.attn.q_norm.weight"].BitEquals(model.Weights["blocks.0.attn.q_norm.weight"]).ShouldBeTrue();

        static (Tensor, Tensor) Linear(long outputs, long inputs) => (Tensor.RandN([outputs, inputs]), Tensor.RandN([outputs]));
    }

    [Fact]
    public void A_new_attention_brings_the_bias_the_old_one_lacked()
    {
        using var model = TestNets.Model(Net("no q/k/v bias"), 6);
        var weight = model.Weights["blocks.1.attn.qkv.weight"];
        using var replaced = model.ReplaceAttention(1, 2, 6, 6, (weight, Tensor.Zeros([36])),
            (model.Weights["blocks.1.attn.proj.weight"], model.Weights["blocks.1.attn.proj.bias"]));
        replaced.Architecture.Blocks.Select(b => b.QkvBias).ShouldBe([false, true]);
        var pixels = TestNets.Pixels(model.Architecture, 2, 1);
        Distance(replaced.Answer(pixels), model.Answer(pixels)).ShouldBeLessThan(1e-6);
        VitCost.Of(replaced.Architecture).Parameters.ShouldBe(VitCost.Of(model.Architecture).Parameters + 36);
    }

    [Fact]
    public void A_new_head_goes_on_every_member()
    {
        foreach (var (name, net) in FamilyNets.All)
        {
            using var model = TestNets.Model(net, 7);
            using var other = model.ReplaceHead(9, 1);
            other.Answer(TestNets.Pixels(net, 2, 1)).Shape.ShouldBe([2, 9], name);
            other.Weights.Keys.ShouldBe(VitTensors.Expected(other.Architecture).Select(t => t.Name), name);
        }
    }

    [Fact]
    public void Fresh_weights_of_every_member_compute_and_train()
    {
        foreach (var (name, net) in FamilyNets.All)
        {
            double[] ones = [.. Enumerable.Repeat(1.0, net.Channels)];
            using var model = VitInit.Random(net, new Preprocessing { Size = net.ImageSize, Mean = [.. ones], Std = [.. ones] }, 1);
            foreach (var tensor in model.Weights.Values) tensor.RequiresGrad = true;
            using var scope = new TensorScope();
            var loss = model.Logits(TestNets.Pixels(net, 2, 1)).Pow(2).Sum();
            Autograd.Gradients(loss, [.. model.Weights.Values]).ShouldAllBe(g => g != null, name);
        }
    }

    private static VitArchitecture Net(string name) => FamilyNets.All.Single(m => m.Name == name).Net;

    private static void ShouldComeBack(VitModel model)
    {
        using var folder = new TemporaryFolder();
        ModelFolder.Write(folder.Path, model);
        using var loaded = ModelSource.Open(folder.Path).LoadVit();
        loaded.Architecture.Blocks.ShouldBe(model.Architecture.Blocks);
        (loaded.Architecture with { Blocks = model.Architecture.Blocks }).ShouldBe(model.Architecture);
        loaded.Weights.Keys.ShouldBe(model.Weights.Keys);
        var pixels = TestNets.Pixels(model.Architecture, 2, 8);
        loaded.Answer(pixels).BitEquals(model.Answer(pixels)).ShouldBeTrue();
    }
}
