using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Formats.Names;

/// <summary>One network under the names of every library: written by a script that knows only timm's, read back to the same tensors.</summary>
public class NamingTests : TorchTest
{
    private static readonly string[] s_modules = ["torch"];

    // The tables are those of the libraries, written from timm's names to theirs: the other way round than the one under test.
    private const string Script = """
        import collections, json, os, re, struct, sys, torch
        os.chdir(sys.argv[1])
        def read(path):
            data = open(path, 'rb').read()
            n, = struct.unpack('<Q', data[:8])
            return {k: torch.frombuffer(bytearray(data[8 + n + e['data_offsets'][0]:8 + n + e['data_offsets'][1]]), dtype=torch.float32).reshape(e['shape'])
                    for k, e in json.loads(data[8:8 + n]).items() if k != '__metadata__'}
        def write(path, tensors):
            header, data = {}, b''
            for k, v in tensors.items():
                raw = v.contiguous().numpy().tobytes()
                header[k] = {'dtype': 'F32', 'shape': list(v.shape), 'data_offsets': [len(data), len(data) + len(raw)]}
                data += raw
            text = json.dumps(header).encode()
            open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data)
        def rename(tensors, table, split=None):
            result = {}
            for name, value in tensors.items():
                for theirs, ours in table:
                    match = re.fullmatch(theirs, name)
                    if not match:
                        continue
                    if 'attn.qkv' in name and split:
                        for part, piece in zip(split, value.chunk(3)):
                            result[match.expand(ours).replace('QKV', part)] = piece.clone()
                    else:
                        result[match.expand(ours)] = value
                    break
                else:
                    raise SystemExit('no name for ' + name)
            return result
        B = r'blocks\.(\d+)\.'
        torchvision = [('cls_token', 'class_token'), ('pos_embed', 'encoder.pos_embedding'), (r'patch_embed\.proj(.*)', r'conv_proj\1'),
            (B + r'norm([12])(.*)', r'encoder.layers.encoder_layer_\1.ln_\2\3'),
            (B + r'attn\.qkv\.(.*)', r'encoder.layers.encoder_layer_\1.self_attention.in_proj_\2'),
            (B + r'attn\.proj(.*)', r'encoder.layers.encoder_layer_\1.self_attention.out_proj\2'),
            (B + r'mlp\.fc1(.*)', r'encoder.layers.encoder_layer_\1.mlp.0\2'), (B + r'mlp\.fc2(.*)', r'encoder.layers.encoder_layer_\1.mlp.3\2'),
            (r'norm\.(.*)', r'encoder.ln.\1'), (r'head\.(.*)', r'heads.head.\1')]
        old = [(a, b.replace('mlp.0', 'mlp.linear_1').replace('mlp.3', 'mlp.linear_2')) for a, b in torchvision]
        def stem(p):
            return [('cls_token', p + 'embeddings.cls_token'), ('dist_token', p + 'embeddings.distillation_token'), ('pos_embed', p + 'embeddings.position_embeddings'),
                (r'patch_embed\.proj(.*)', p + r'embeddings.patch_embeddings.projection\1'), (r'norm\.(.*)', p + r'layernorm.\1')]
        def four(p, heads):
            return stem(p) + heads + [(B + r'norm1\.(.*)', p + r'encoder.layer.\1.layernorm_before.\2'), (B + r'norm2\.(.*)', p + r'encoder.layer.\1.layernorm_after.\2'),
                (B + r'attn\.qkv\.(.*)', p + r'encoder.layer.\1.attention.attention.QKV.\2'), (B + r'attn\.proj\.(.*)', p + r'encoder.layer.\1.attention.output.dense.\2'),
                (B + r'mlp\.fc1\.(.*)', p + r'encoder.layer.\1.intermediate.dense.\2'), (B + r'mlp\.fc2\.(.*)', p + r'encoder.layer.\1.output.dense.\2')]
        def five(p, heads):
            return stem(p) + heads + [(B + r'norm1\.(.*)', p + r'layers.\1.layernorm_before.\2'), (B + r'norm2\.(.*)', p + r'layers.\1.layernorm_after.\2'),
                (B + r'attn\.qkv\.(.*)', p + r'layers.\1.attention.QKV.\2'), (B + r'attn\.proj\.(.*)', p + r'layers.\1.attention.o_proj.\2'),
                (B + r'mlp\.(fc[12])\.(.*)', p + r'layers.\1.mlp.\2.\3')]
        def dino(p):
            return stem(p) + [(B + r'(norm[12])\.(.*)', p + r'encoder.layer.\1.\2.\3'),
                (B + r'attn\.qkv\.(.*)', p + r'encoder.layer.\1.attention.attention.QKV.\2'), (B + r'attn\.proj\.(.*)', p + r'encoder.layer.\1.attention.output.dense.\2'),
                (B + r'ls([12])\.gamma', p + r'encoder.layer.\1.layer_scale\2.lambda1'), (B + r'mlp\.(fc[12])\.(.*)', p + r'encoder.layer.\1.mlp.\2.\3')]
        head, heads = [(r'head\.(.*)', r'classifier.\1')], [(r'head\.(.*)', r'cls_classifier.\1'), (r'head_dist\.(.*)', r'distillation_classifier.\1')]
        qkv, proj = ('query', 'key', 'value'), ('q_proj', 'k_proj', 'v_proj')
        vit, deit, scaled, registers, bare = (read(n) for n in ('vit', 'deit', 'scaled', 'registers', 'bare'))
        torch.save(rename(vit, torchvision), 'vit-torchvision.pth')
        torch.save(rename(vit, old), 'vit-torchvision-old.pth')
        write('vit-hf4.safetensors', rename(vit, four('vit.', head), qkv))
        write('vit-hf5.safetensors', rename(vit, five('vit.', head), proj))
        write('vit-lightning.safetensors', {'model.' + k: v for k, v in rename(vit, four('vit.', head), qkv).items()})
        torch.save({'model': vit}, 'vit-facebook.pth')
        torch.save({'state_dict': {'module.' + k: v for k, v in vit.items()}}, 'vit-parallel.pth.tar')
        torch.save({'model': deit}, 'deit-facebook.pth')
        write('deit-hf4.safetensors', rename(deit, four('deit.', heads), qkv))
        write('deit-hf5.safetensors', rename(deit, five('deit.', heads), proj))
        torch.save({re.sub(r'ls([12])\.gamma', r'gamma_\1', k): v for k, v in scaled.items()}, 'scaled-deit3.pth')
        write('scaled-dinov2.safetensors', {**rename(scaled, dino(''), qkv), 'embeddings.mask_token': torch.zeros(1, 128)})
        write('scaled-dinov2-prefix.safetensors', rename(scaled, dino('dinov2.'), qkv))
        # DINOv2 gives the class token a position; timm's file has it in the class token.
        position = torch.randn(1, 1, 128)
        foreign = {**registers, 'register_tokens': registers['reg_token'], 'cls_token': registers['cls_token'] - position,
            'pos_embed': torch.cat([position, registers['pos_embed']], 1), 'mask_token': torch.zeros(1, 128)}
        del foreign['reg_token']
        torch.save(foreign, 'registers-dinov2.pth')
        decoder = {'mask_token': torch.zeros(1, 1, 8), 'decoder_embed.weight': torch.zeros(8, 128), 'decoder_pos_embed': torch.zeros(1, 10, 8),
            'decoder_blocks.0.attn.qkv.weight': torch.zeros(24, 8), 'decoder_pred.bias': torch.zeros(3), 'decoder_norm.weight': torch.zeros(8)}
        torch.save({'model': {**bare, **decoder}}, 'bare-mae.pth')
        torch.save({'student': {'module.backbone.' + k: torch.zeros_like(v) for k, v in bare.items()},
            'teacher': {**{'backbone.' + k: v for k, v in bare.items()}, 'head.mlp.0.weight': torch.zeros(3, 3), 'head.last_layer.weight_g': torch.zeros(3, 1)}}, 'bare-dino.pth')
        write('bare-hf-mae.safetensors', {**rename(bare, four('vit.', []), qkv), 'decoder.mask_token': torch.zeros(1), 'decoder.decoder_layers.0.x.weight': torch.zeros(2)})
        write('bare-hf.safetensors', {**rename(bare, four('', []), qkv), 'pooler.dense.weight': torch.zeros(128, 128), 'pooler.dense.bias': torch.zeros(128)})
        """;

    private static readonly VitArchitecture s_vit = VitArchitecture.Uniform("vit", imageSize: 12, patchSize: 4, channels: 3, embedDim: 128, depth: 2, heads: 2,
        classes: 5, mlpHidden: 48);

    private static readonly (string Name, VitArchitecture Net)[] s_nets =
    [
        ("vit", s_vit),
        ("deit", s_vit with { DistToken = true, DistHead = true }),
        ("scaled", (s_vit with { Classes = 0 }).WithBlocks(b => b with { LayerScale = true })),
        ("registers", (s_vit with { Classes = 0, RegTokens = 4, EmbedPrefix = false }).WithBlocks(b => b with { LayerScale = true })),
        ("bare", s_vit with { Classes = 0 }),
    ];

    [SkippableFact]
    public void Every_naming_scheme_gives_the_same_network()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        foreach (var (name, net) in s_nets)
        {
            using var model = TestNets.Model(net, 1);
            ModelFile.Write(folder[name], model);
        }
        PythonOracle.Run(Script, s_modules, folder.Path);
        foreach (var (name, net) in s_nets)
        {
            using var expected = TestNets.Model(net, 1);
            var files = folder.Files.Where(f => f.StartsWith(name + "-")).ToList();
            files.Count.ShouldBeGreaterThan(0);
            foreach (var file in files)
            {
                var source = ModelSource.Open(folder[file]);
                source.Vit.Blocks.ShouldBe(net.Blocks, file);
                (source.Vit with { Blocks = net.Blocks, Name = net.Name }).ShouldBe(net, file);
                using var loaded = source.LoadVit();
                loaded.Weights.Keys.ShouldBe(expected.Weights.Keys, file);
                // The class token of a network with registers is a sum; all else is moved bit for bit.
                loaded.Weights.Differences(expected.Weights).ShouldBe(name == "registers" ? ["cls_token"] : [], file);
                Distance(loaded.Weights["cls_token"], expected.Weights["cls_token"]).ShouldBeLessThan(1e-6);
            }
        }
        ModelSource.Open(folder["vit-torchvision.pth"]).ReadAs.ShouldBe("torchvision names");
        ModelSource.Open(folder["vit-hf5.safetensors"]).ReadAs.ShouldBe("Hugging Face names");
        ModelSource.Open(folder["bare-dino.pth"]).ReadAs.ShouldBe("entry teacher");
        ModelSource.Open(folder["deit-facebook.pth"]).Preprocessing.Mean[0].ShouldBe(0.485);
        var torchvision = ModelSource.Open(folder["vit-torchvision.pth"]).Preprocessing;
        (torchvision.Interpolation, torchvision.CropFraction, torchvision.Std[0]).ShouldBe((Interpolation.Bilinear, 0.875, 0.229));
    }
}
