using System.Collections.Immutable;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Names;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Tests.Formats.Names;

/// <summary>What the tables do with names that do not fit.</summary>
public class TimmNamesTests
{
    private const string HuggingFace = "vit.embeddings.patch_embeddings.projection.weight";

    [Theory]
    [InlineData("blocks.0.mlp.fc1_g.weight", "gated MLPs in three layers")]
    [InlineData("blocks.3.attn.q_bias", "separate query and value biases (BEiT)")]
    [InlineData("attn_pool.latent", "it pools by attention")]
    [InlineData("pre_logits.fc.weight", "a representation layer")]
    [InlineData("blocks.0.11.norm1.weight", "its blocks are cut into chunks")]
    public void Networks_of_another_kind_are_named(string tensor, string reason) =>
        Fault("patch_embed.proj.weight", tensor).ShouldMatch($"^file is a network that is not supported: .*{System.Text.RegularExpressions.Regex.Escape(reason)}.* \\(tensor {tensor}\\)\\.$");

    [Fact]
    public void Gated_mlps_in_two_layers_have_other_names_elsewhere()
    {
        Names("patch_embed.proj.weight", "blocks.0.mlp.w12.weight", "blocks.0.mlp.w3.bias").ShouldBe(["blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc2.bias", "patch_embed.proj.weight"]);
        Names(HuggingFace, "vit.encoder.layer.1.mlp.weights_in.weight", "vit.encoder.layer.1.mlp.weights_out.weight")
            .ShouldBe(["blocks.1.mlp.fc1.weight", "blocks.1.mlp.fc2.weight", "patch_embed.proj.weight"]);
    }

    [Fact]
    public void Parts_belong_together()
    {
        Fault(HuggingFace, "vit.encoder.layer.0.attention.attention.query.bias", "vit.encoder.layer.0.attention.attention.value.bias")
            .ShouldContain("without the rest of blocks.0.attn.qkv.bias");
        Fault(HuggingFace, "vit.layers.0.attention.k_proj.bias", "vit.layers.0.attention.v_proj.bias").ShouldContain("query, key and value belong together");
        Fault(HuggingFace, "vit.encoder.layer.0.norm1.weight", "vit.encoder.layer.0.layernorm_before.weight").ShouldContain("more than one tensor for blocks.0.norm1.weight");
        Fault("a.patch_embed.proj.weight", "b.patch_embed.proj.weight").ShouldBe("file holds several networks, under a., b.; save the one to be used alone.");
    }

    [Fact]
    public void Names_of_no_rule_keep_their_own()
    {
        Names("patch_embed.proj.weight", "surprise").ShouldBe(["patch_embed.proj.weight", "surprise"]);
        Names(HuggingFace, "surprise", "vit.strange.weight").ShouldBe(["patch_embed.proj.weight", "surprise", "vit.strange.weight"]);
        Names("nothing.weight").ShouldBe(["nothing.weight"]);
        Names("x.patch_embed.proj.weight", "x.blocks.0.norm1.weight", "y.z").ShouldBe(["blocks.0.norm1.weight", "patch_embed.proj.weight", "y.z"]);
    }

    private static ImmutableArray<string> Names(params string[] tensors) => [.. TimmNames.Of(new Fake(tensors)).File.Infos.Select(t => t.Name)];

    private static string Fault(params string[] tensors) => Should.Throw<InputException>(() => Names(tensors)).Message;

    private sealed class Fake(string[] names) : ITensorFile
    {
        public string Path => "file";

        public ImmutableArray<TensorInfo> Infos { get; } = [.. names.Order(StringComparer.Ordinal).Select(n => new TensorInfo(n, ElementType.F32, [2]))];

        public bool Contains(string name) => Infos.Any(t => t.Name == name);

        public TensorInfo Info(string name) => Infos.Single(t => t.Name == name);

        public float[] ReadFloats(string name) => [1, 2];

        public void Dispose()
        {
        }
    }
}
