using System.Text.Json.Nodes;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Tests.Vit;
using Espalier.Models.Vit;

namespace Espalier.Models.Tests.Formats;

public class ModelConfigTests
{
    private static readonly Preprocessing Preprocessing = VitRegistry.Find("tiny-test-vit")!.Preprocessing;

    [Fact]
    public void A_config_is_read_back_and_written_again_to_the_same_bytes()
    {
        var provenance = new JsonObject { ["method"] = "dc-vit", ["seed"] = 1, ["order"] = new JsonArray(2, 4), ["c"] = 0.751734186 };
        var text = ModelConfig.Of(Compressed.Net, Preprocessing, provenance, ["é", "<b>"]).ToJson();
        var read = ModelConfig.Parse(text, "config.json");
        var net = read.Architecture.ShouldBeOfType<VitArchitecture>();
        (net with { Blocks = Compressed.Net.Blocks }).ShouldBe(Compressed.Net);
        net.Blocks.ShouldBe(Compressed.Net.Blocks);
        read.ClassNames.ShouldBe(["é", "<b>"]);
        JsonNode.DeepEquals(read.Provenance, provenance).ShouldBeTrue();
        read.ToJson().ShouldBe(text);
        text.ShouldNotContain("\r");
        text.ShouldEndWith("}\n");
        text.ShouldContain("\"kind\": \"ffn_only\"");
    }

    [Fact]
    public void Mixers_are_written_where_there_are_any()
    {
        var text = ModelConfig.Of(Compressed.Mixed, Preprocessing).ToJson();
        ModelConfig.Parse(text, "config.json").Architecture.ShouldBeOfType<VitArchitecture>().Blocks.ShouldBe(Compressed.Mixed.Blocks);
        JsonNode.Parse(text)!["espalier"]!["blocks"]!.AsArray().Select(b => (int?)b!["mixer_rank"]).ShouldBe([null, 3, 0, null, null, null]);
        ModelConfig.Of(Compressed.Net, Preprocessing).ToJson().ShouldNotContain("mixer");
    }

    [Fact]
    public void Configs_of_other_tools_give_what_they_have()
    {
        var timm = ModelConfig.Parse("""{"architecture":"vit_x","model_args":{"num_heads":5},"pretrained_cfg":{"input_size":[3,64,64],"interpolation":"bilinear","mean":[0,0,0],"std":[1,1,1],"pool_size":null}}""", "c");
        (timm.Name, timm.Heads, timm.Architecture, timm.LayerNormEps).ShouldBe(("vit_x", 5, null, null));
        (timm.Preprocessing!.Size, timm.Preprocessing.CropFraction, timm.Preprocessing.Interpolation).ShouldBe((64, 0.9, Interpolation.Bilinear));
        var old = ModelConfig.Parse("""{"architecture":"vit_x","num_classes":2,"labels":["a","b"],"input_size":[3,64,64],"mean":[0.1,0.2,0.3],"std":[1,1,1],"crop_pct":0.5}""", "c");
        (old.Preprocessing!.Resize, old.Preprocessing.Mean[2], old.ClassNames[1]).ShouldBe((128, 0.3, "b"), "what timm wrote before it nested these keys");
        var huggingFace = ModelConfig.Parse("""{"model_type":"vit","num_attention_heads":3,"layer_norm_eps":1e-12,"id2label":{"1":"b","0":"a"}}""", "c");
        (huggingFace.Heads, huggingFace.LayerNormEps, huggingFace.Preprocessing).ShouldBe((3, 1e-12, null));
        huggingFace.ClassNames.ShouldBe(["a", "b"]);
    }

    [Theory]
    [InlineData("[]", "config.json must hold a JSON object.")]
    [InlineData("{", "config.json is not valid JSON")]
    [InlineData("""{"model_type":"swinv2"}""", "model_type swinv2 is not supported")]
    [InlineData("""{"architecture":7}""", "architecture must be a text, not 7.")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,32]}}""", "square images only")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"crop_pct":1.5}}""", "the crop fraction 1.5")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"mean":[0.5]}}""", "3 entries each")]
    [InlineData("""{"pretrained_cfg":{"input_size":[3,64,64],"interpolation":"lanczos"}}""", "interpolation lanczos is not supported")]
    [InlineData("""{"espalier":{"version":2}}""", "written by a newer version")]
    [InlineData("""{"espalier":{"version":1}}""", "espalier.blocks is missing")]
    public void Faults_name_the_file_and_the_key(string text, string fault) =>
        Should.Throw<InputException>(() => ModelConfig.Parse(text, "config.json")).Message.ShouldContain(fault);

    [Theory]
    [InlineData("\"heads\": 4", "\"heads\": 0", "block 0")]
    [InlineData("\"mlp_hidden\": 100", "\"mlp_hidden\": 0", "block 1 has the kind ffn_only, but its widths make it dropped")]
    [InlineData("\"kind\": \"full\"", "\"mixer_rank\": 2, \"kind\": \"full\"", "block 0 is full and has a mixer_rank; a token mixer needs a block whose attention is gone")]
    [InlineData("\"kind\": \"attn_only\"", "\"mixer_rank\": 0, \"kind\": \"attn_only\"", "block 2 is attn_only and has a mixer_rank")]
    [InlineData("\"kind\": \"linear\"", "\"mixer_rank\": 1, \"kind\": \"linear\"", "block 3 is linear and has a mixer_rank")]
    [InlineData("\"kind\": \"dropped\"", "\"mixer_rank\": 1, \"kind\": \"dropped\"", "block 4 is dropped and has a mixer_rank")]
    [InlineData("\"kind\": \"ffn_only\"", "\"mixer_rank\": -1, \"kind\": \"ffn_only\"", "mixer_rank must be a whole number ≥ 0, not -1.")]
    [InlineData("\"depth\": 6", "\"depth\": 7", "blocks must have depth entries")]
    public void Blocks_that_contradict_themselves_are_refused(string old, string replaced, string fault)
    {
        var text = ModelConfig.Of(Compressed.Net, Preprocessing).ToJson();
        var at = text.IndexOf(old, StringComparison.Ordinal);
        text = text[..at] + replaced + text[(at + old.Length)..];
        Should.Throw<InputException>(() => ModelConfig.Parse(text, "config.json")).Message.ShouldContain(fault);
    }
}
