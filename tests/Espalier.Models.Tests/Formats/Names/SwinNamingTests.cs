using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Formats.Names;

/// <summary>One Swin under the names of every library: written by a script that knows only timm's, read back to the same tensors.</summary>
public class SwinNamingTests : TorchTest
{
    private static readonly string[] s_modules = ["torch"];

    // From timm's present names to theirs: the other way round than the tables under test.
    private const string Script = """
        import json, os, re, struct, sys, torch
        os.chdir(sys.argv[1])
        data = open('timm.safetensors', 'rb').read()
        n, = struct.unpack('<Q', data[:8])
        swin = {k: torch.frombuffer(bytearray(data[8 + n + e['data_offsets'][0]:8 + n + e['data_offsets'][1]]), dtype=torch.float32).reshape(e['shape'])
            for k, e in json.loads(data[8:8 + n]).items() if k != '__metadata__'}
        def late(name):
            return re.sub(r'^layers\.(\d+)\.downsample', lambda m: 'layers.%d.downsample' % (int(m[1]) - 1), name).replace('head.fc.', 'head.')
        def buffers(tensors, table, index):
            return {**tensors, **{k.replace(table, index): torch.zeros(16, 16, dtype=torch.int64) for k in tensors if table in k}}
        def split(tensors, parts):
            result = {}
            for k, v in tensors.items():
                result.update({k: v} if 'QKV' not in k else {k.replace('QKV', part): piece.clone() for part, piece in zip(parts, v.chunk(3))})
            return result
        microsoft = buffers({late(k): v for k, v in swin.items()}, 'relative_position_bias_table', 'relative_position_index')
        microsoft['layers.0.blocks.1.attn_mask'] = torch.zeros(4, 16, 16)
        torch.save({'model': microsoft, 'epoch': 300}, 'microsoft.pth')
        torch.save({'state_dict': {'module.' + k: v for k, v in swin.items()}}, 'timm-parallel.pth')
        def torchvision(k):
            k = re.sub(r'^layers\.(\d+)\.blocks\.', lambda m: 'features.%d.' % (2 * int(m[1]) + 1), k)
            k = re.sub(r'^layers\.(\d+)\.downsample\.', lambda m: 'features.%d.' % (2 * int(m[1])), k)
            return (k.replace('patch_embed.proj', 'features.0.0').replace('patch_embed.norm', 'features.0.2').replace('head.fc', 'head')
                .replace('mlp.fc1', 'mlp.0').replace('mlp.fc2', 'mlp.3'))
        torch.save(buffers({torchvision(k): v for k, v in swin.items()}, 'relative_position_bias_table', 'relative_position_index'), 'torchvision.pth')
        def stem(k):
            k = late(k).replace('patch_embed.proj', 'swin.embeddings.patch_embeddings.projection').replace('patch_embed.norm', 'swin.embeddings.norm')
            k = re.sub(r'^norm\.', 'swin.layernorm.', k)
            return re.sub(r'^head\.', 'classifier.', k).replace('norm1', 'layernorm_before').replace('norm2', 'layernorm_after')
        def four(k):
            k = re.sub('^layers', 'swin.encoder.layers', stem(k))
            return (k.replace('attn.relative', 'attention.self.relative').replace('attn.qkv', 'attention.self.QKV').replace('attn.proj', 'attention.output.dense')
                .replace('mlp.fc1', 'intermediate.dense').replace('mlp.fc2', 'output.dense'))
        def five(k):
            return re.sub('^layers', 'swin.layers', stem(k)).replace('attn.relative', 'attention.relative').replace('attn.qkv', 'attention.QKV').replace('attn.proj', 'attention.o_proj')
        torch.save(buffers(split({four(k): v for k, v in swin.items()}, ('query', 'key', 'value')), 'relative_position_bias_table', 'relative_position_index'), 'hf4.bin')
        torch.save(split({five(k): v for k, v in swin.items()}, ('q_proj', 'k_proj', 'v_proj')), 'hf5.bin')
        torch.save({**swin, 'layers.0.blocks.0.attn.logit_scale': torch.zeros(2, 1, 1)}, 'v2.pth')
        torch.save({**swin, 'absolute_pos_embed': torch.zeros(1, 64, 12)}, 'ape.pth')
        del microsoft['layers.1.blocks.0.norm1.weight']
        torch.save(microsoft, 'lacking.pth')
        """;

    [SkippableFact]
    public void Every_naming_scheme_gives_the_same_network()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        var net = FamilyNets.Swins[0].Net;
        using var model = TestNets.Model(net, 1);
        ModelFile.Write(folder["timm.safetensors"], model);
        PythonOracle.Run(Script, s_modules, folder.Path);
        foreach (var (file, names) in new[]
        {
            ("timm.safetensors", null), ("timm-parallel.pth", "entry state_dict"), ("microsoft.pth", "entry model"), ("torchvision.pth", "torchvision names"),
            ("hf4.bin", "Hugging Face names"), ("hf5.bin", "Hugging Face names"),
        })
        {
            var source = ModelSource.Open(folder[file]);
            source.ReadAs.ShouldBe(names, file);
            source.HeadCountSource.ShouldBe("the relative position biases");
            source.Vit.Blocks.ShouldBe(net.Blocks, file);
            (source.Vit with { Blocks = net.Blocks, Name = net.Name }).ShouldBe(net, file);
            using var loaded = source.Load();
            loaded.Weights.Differences(model.Weights).ShouldBeEmpty(file);
        }
        ModelSource.Open(folder["microsoft.pth"]).Preprocessing.Mean[0].ShouldBe(0.485);
        Refused("v2.pth").ShouldContain("it is a Swin V2, whose attention is another (tensor layers.0.blocks.0.attn.logit_scale)");
        Refused("ape.pth").ShouldContain("it has positions besides those of its windows");
        Refused("lacking.pth").ShouldContain("lacks tensors: layers.1.blocks.0.norm1.weight.");

        string Refused(string file) => Should.Throw<InputException>(() => ModelSource.Open(folder[file])).Message;
    }

    [SkippableFact]
    public void A_folder_of_Hugging_Face_gives_epsilon_and_image_size()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(FamilyNets.Swins[0].Net, 1);
        ModelFile.Write(folder["timm.safetensors"], model);
        PythonOracle.Run(Script, s_modules, folder.Path);
        File.Move(folder["hf4.bin"], folder["pytorch_model.bin"]);
        File.WriteAllText(folder["config.json"], """{ "model_type": "swin", "hidden_act": "gelu", "image_size": 48, "num_heads": [2, 4], "id2label": { "0": "cat" } }""");
        File.WriteAllText(folder["preprocessor_config.json"], """{ "size": 48, "resample": 3, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225] }""");
        var net = ModelSource.Open(folder.Path).Vit;
        (net.ImageSize, net.LayerNormEps, net.Blocks[2].Heads).ShouldBe((48, 1e-5, 4));
    }
}
