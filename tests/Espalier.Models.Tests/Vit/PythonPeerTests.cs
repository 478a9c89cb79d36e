using System.Globalization;
using System.Text.Json;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Models.Tests.Vit;

/// <summary>The forward pass against PyTorch: by a plain script written for it, and by the loader that lies in every model folder.</summary>
public class PythonPeerTests : TorchTest
{
    private static readonly string[] s_modules = ["torch"];

    // One head at a time, in double precision, from the equations: it shares nothing with the loader or the library.
    private const string Plain = """
        import json, math, struct, sys, torch
        torch.set_num_threads(1)
        def read(path):
            data = open(path, 'rb').read()
            n, = struct.unpack('<Q', data[:8])
            return {k: torch.tensor(struct.unpack('<%df' % ((e['data_offsets'][1] - e['data_offsets'][0]) // 4),
                        data[8 + n + e['data_offsets'][0]:8 + n + e['data_offsets'][1]]), dtype=torch.float64).reshape(e['shape'])
                    for k, e in json.loads(data[8:8 + n]).items() if k != '__metadata__'}
        def norm(x, w, name, eps):
            m = x.mean(-1, keepdim=True)
            return (x - m) / torch.sqrt(((x - m) ** 2).mean(-1, keepdim=True) + eps) * w[name + '.weight'] + w[name + '.bias']
        def linear(x, w, name):
            return x @ w[name + '.weight'].t() + w[name + '.bias']
        def attention(x, w, p, b):
            qkv, out = linear(x, w, p + 'attn.qkv'), []
            for h in range(b['heads']):
                q = qkv[..., h * b['qk']:(h + 1) * b['qk']]
                start = b['heads'] * b['qk']
                k = qkv[..., start + h * b['qk']:start + (h + 1) * b['qk']]
                start = 2 * b['heads'] * b['qk']
                v = qkv[..., start + h * b['v']:start + (h + 1) * b['v']]
                scores = q @ k.transpose(-1, -2) * (b['scale'] if b['scale'] else 1 / math.sqrt(b['qk']))
                scores = torch.exp(scores - scores.max(-1, keepdim=True)[0])
                out.append(scores / scores.sum(-1, keepdim=True) @ v)
            return linear(torch.cat(out, -1), w, p + 'attn.proj')
        def mlp(x, w, p):
            h = linear(x, w, p + 'mlp.fc1')
            return linear(h * 0.5 * (1 + torch.erf(h / math.sqrt(2))), w, p + 'mlp.fc2')
        for spec in json.loads(sys.argv[1]):
            w, ps = read(spec['file']), spec['patch']
            pixels, kernel = w['pixels'], w['patch_embed.proj.weight']
            side = pixels.shape[-1] // ps
            rows = [w['cls_token'][0, 0].expand(pixels.shape[0], -1)]
            for y in range(side):
                for x in range(side):
                    patch = pixels[:, :, y * ps:(y + 1) * ps, x * ps:(x + 1) * ps]
                    rows.append(patch.flatten(1) @ kernel.flatten(1).t() + w['patch_embed.proj.bias'])
            x = torch.stack(rows, 1) + w['pos_embed']
            for i, b in enumerate(spec['blocks']):
                p = 'blocks.%d.' % i
                if b['linear']:
                    x = linear(x, w, p + 'linear')
                    continue
                if b['heads']:
                    x = x + attention(norm(x, w, p + 'norm1', b['eps']), w, p, b)
                if b['mixer'] is not None:
                    mean = sum(x[:, t] for t in range(x.shape[1])) / x.shape[1]
                    shift = (w[p + 'mixer.up.weight'] @ (w[p + 'mixer.down.weight'] @ mean.t())).t() if b['mixer'] else 0 * mean
                    x = torch.stack([x[:, t] + w[p + 'mixer.bias'][t] + shift for t in range(x.shape[1])], 1)
                if b['hidden']:
                    x = x + mlp(norm(x, w, p + 'norm2', b['eps']), w, p)
            logits = linear(norm(x, w, 'norm', spec['eps'])[:, 0], w, 'head')
            print(' '.join(repr(v) for v in logits.flatten().tolist()))
        """;

    private const string Loader = """
        import importlib.util, json, os, sys, torch
        torch.set_num_threads(1)
        for folder in sys.argv[1:]:
            spec = importlib.util.spec_from_file_location('loader', os.path.join(folder, 'load_in_python.py'))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            pixels = module.read_safetensors(os.path.join(folder, 'pixels.safetensors'))['pixels']
            with torch.no_grad():
                print(' '.join(repr(v) for v in module.load()(pixels).flatten().tolist()))
        """;

    // One step against the gradient, of a length that no curvature of these small networks spoils.
    private const string Training = """
        import importlib.util, os, sys, torch
        torch.set_num_threads(1)
        for folder in sys.argv[1:]:
            spec = importlib.util.spec_from_file_location('loader', os.path.join(folder, 'load_in_python.py'))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            torch.manual_seed(0)
            net = module.load().train()
            pixels = module.read_safetensors(os.path.join(folder, 'pixels.safetensors'))['pixels']
            labels = torch.arange(len(pixels)) % net.head.out_features
            loss = torch.nn.functional.cross_entropy(net(pixels), labels)
            loss.backward()
            idle = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
            length = torch.sqrt(sum((p.grad ** 2).sum() for p in net.parameters() if p.grad is not None))
            torch.optim.SGD(net.parameters(), lr=float(1e-2 / length)).step()
            after = torch.nn.functional.cross_entropy(net(pixels), labels)
            print('falls' if after < loss else 'rises', ' '.join(idle))
        """;

    [SkippableFact]
    public void A_plain_script_computes_the_same_logits_for_random_networks()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        var specs = new List<object>();
        var expected = new List<Tensor>();
        for (var seed = 0UL; seed < 8; seed++)
        {
            using var model = RandomEdits.Model(seed);
            var pixels = TestNets.Pixels(model.Architecture, 2, seed);
            SafetensorsWriter.Write(folder[$"{seed}"], model.Weights.Append(KeyValuePair.Create("pixels", pixels)).ToTensorData());
            specs.Add(Spec(model.Architecture, folder[$"{seed}"]));
            expected.Add(model.Answer(pixels));
        }
        ShouldAgree(PythonOracle.Run(Plain, s_modules, JsonSerializer.Serialize(specs)), expected, 1e-5);
    }

    [SkippableFact]
    public void The_loader_in_the_folder_gives_the_same_logits_for_every_kind_of_block()
    {
        PythonOracle.Require(s_modules);
        using var root = new TemporaryFolder();
        var expected = new List<Tensor>();
        string[] folders = [.. WriteAll(root, expected)];
        ShouldAgree(PythonOracle.Run(Loader, s_modules, folders), expected, 1e-4);
    }

    [SkippableFact]
    public void What_the_loader_loads_trains_every_tensor_of_it()
    {
        PythonOracle.Require(s_modules);
        using var root = new TemporaryFolder();
        string[] folders = [.. WriteAll(root, [], ExportedNets.NoBlockLeft)];
        PythonOracle.Run(Training, s_modules, folders).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim())
            .ShouldBe(folders.Select(_ => "falls"));
    }

    /// <summary>Writes a folder for each kind of network but one, with pixels in it, and adds the logits.</summary>
    private static IEnumerable<string> WriteAll(TemporaryFolder root, List<Tensor> logits, string? except = null)
    {
        var dense = TestNets.TinyNet;
        VitModel[] models =
        [
            .. ExportedNets.Names.Where(name => name != except).Select(ExportedNets.Model),
            .. Compressed.Net.Blocks.Select(block => TestNets.Model(dense with { Blocks = dense.Blocks.SetItem(2, block) }, 1)),
            TestNets.Model(TestNets.Narrowed(dense, new SeededRandom(1)), 2),
        ];
        for (var i = 0; i < models.Length; i++)
        {
            using var model = models[i];
            var pixels = TestNets.Pixels(model.Architecture, 2, 9);
            var folder = Directory.CreateDirectory(root[$"{i}"]).FullName;
            VitFolder.Write(folder, model);
            SafetensorsWriter.Write(Path.Combine(folder, "pixels.safetensors"), new[] { KeyValuePair.Create("pixels", pixels) }.ToTensorData());
            logits.Add(model.Answer(pixels));
            yield return folder;
        }
    }

    [SkippableFact]
    public void Mixers_and_odd_attention_survive_the_disk_and_agree_with_both_scripts()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        using var model = TestNets.Model(Compressed.Mixed, 4);
        var pixels = TestNets.Pixels(model.Architecture, 3, 4);
        VitFolder.Write(folder.Path, model);
        SafetensorsWriter.Write(folder["pixels.safetensors"], new[] { KeyValuePair.Create("pixels", pixels) }.ToTensorData());
        SafetensorsWriter.Write(folder["plain"], model.Weights.Append(KeyValuePair.Create("pixels", pixels)).ToTensorData());

        using var loaded = ModelSource.Open(folder.Path).Load();
        loaded.Architecture.Blocks.ShouldBe(Compressed.Mixed.Blocks);
        VitCost.Of(loaded.Architecture).ShouldBe(TensorCount.Of(loaded));
        var logits = loaded.Answer(pixels);
        var spec = JsonSerializer.Serialize(new[] { Spec(Compressed.Mixed, folder["plain"]) });
        ShouldAgree(PythonOracle.Run(Plain, s_modules, spec), [logits], 1e-5);
        ShouldAgree(PythonOracle.Run(Loader, s_modules, folder.Path), [logits], 1e-5);

        // What the scripts agree on depends on the mixers and the scales: without either the logits are others.
        ShouldMatter(block => block.AttentionScale is not null, block => block with { AttentionScale = null });
        ShouldMatter(block => block.HasMixer, block => block with { MixerRank = null });

        void ShouldMatter(Func<VitBlock, bool> which, Func<VitBlock, VitBlock> change)
        {
            for (var i = 0; i < loaded.Architecture.Depth; i++)
            {
                var blocks = loaded.Architecture.Blocks;
                if (!which(blocks[i])) continue;
                var net = loaded.Architecture with { Blocks = blocks.SetItem(i, change(blocks[i])) };
                using var other = new VitModel(net, loaded.Preprocessing, loaded.Weights.Clone());
                Distance(other.Answer(pixels), logits).ShouldBeGreaterThan(1e-3 * logits.Abs().Max().Item(), $"block {i}");
            }
        }
    }

    private static object Spec(VitArchitecture net, string file) => new
    {
        file,
        patch = net.PatchSize,
        eps = net.LayerNormEps,
        blocks = net.Blocks.Select(b => new
        {
            heads = b.Heads, qk = b.QkDim, v = b.VDim, hidden = b.MlpHidden, linear = b.IsLinear,
            mixer = b.MixerRank, scale = b.AttentionScale, eps = b.NormEps ?? net.LayerNormEps,
        }),
    };

    /// <summary>Each line of the output holds one network's logits; <paramref name="tolerance"/> is relative to the largest.</summary>
    private static void ShouldAgree(string output, IReadOnlyList<Tensor> expected, double tolerance)
    {
        var lines = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Length.ShouldBe(expected.Count);
        for (var i = 0; i < lines.Length; i++)
        {
            var actual = Tensor.From<double>([.. lines[i].Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))]);
            var own = expected[i].Reshape(-1).To(DType.Float64);
            Distance(actual, own).ShouldBeLessThan(tolerance * own.Abs().Max().Item(), $"network {i}");
        }
    }
}
