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

    internal const string Loader = """
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
    internal const string Training = """
        import importlib.util, os, sys, torch
        torch.set_num_threads(1)
        for folder in sys.argv[1:]:
            spec = importlib.util.spec_from_file_location('loader', os.path.join(folder, 'load_in_python.py'))
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            torch.manual_seed(0)
            net = module.load().train()
            pixels = module.read_safetensors(os.path.join(folder, 'pixels.safetensors'))['pixels']
            logits = net(pixels)
            labels = torch.arange(len(pixels)) % logits.shape[1]
            loss = torch.nn.functional.cross_entropy(logits, labels)
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
        for (var seed = 0UL; seed < 16; seed++)
        {
            using var model = RandomEdits.Model(seed, family: seed >= 8);
            var pixels = TestNets.Pixels(model.Architecture, 2, seed);
            SafetensorsWriter.Write(folder[$"{seed}"], model.Weights.Append(KeyValuePair.Create("pixels", pixels)).ToTensorData());
            specs.Add(PlainPeer.Spec(model.Architecture, folder[$"{seed}"]));
            expected.Add(model.Answer(pixels));
        }
        PlainPeer.ShouldAgree(PythonOracle.Run(PlainPeer.Script, s_modules, JsonSerializer.Serialize(specs)), expected, 1e-5);
    }

    [SkippableFact]
    public void A_plain_script_computes_the_same_logits_for_every_member_of_the_family()
    {
        PythonOracle.Require(s_modules);
        using var folder = new TemporaryFolder();
        var specs = new List<object>();
        var expected = new List<Tensor>();
        var nets = FamilyNets.All.Select(m => m.Net).Concat(Enumerable.Range(0, 8).Select(k => FamilyNets.Random(new SeededRandom((ulong)k, "family"))));
        foreach (var net in nets)
        {
            using var model = TestNets.Model(net, 5);
            var pixels = TestNets.Pixels(net, 2, 6);
            var file = folder[$"{specs.Count}"];
            SafetensorsWriter.Write(file, model.Weights.Append(KeyValuePair.Create("pixels", pixels)).ToTensorData());
            specs.Add(PlainPeer.Spec(net, file));
            expected.Add(model.Answer(pixels));
        }
        PlainPeer.ShouldAgree(PythonOracle.Run(PlainPeer.Script, s_modules, JsonSerializer.Serialize(specs)), expected, 1e-5);
    }

    [SkippableFact]
    public void The_loader_in_the_folder_gives_the_same_logits_for_every_kind_of_block()
    {
        PythonOracle.Require(s_modules);
        using var root = new TemporaryFolder();
        var expected = new List<Tensor>();
        string[] folders = [.. WriteAll(root, expected)];
        PlainPeer.ShouldAgree(PythonOracle.Run(Loader, s_modules, folders), expected, 1e-4);
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
            ModelFolder.Write(folder, model);
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
        ModelFolder.Write(folder.Path, model);
        SafetensorsWriter.Write(folder["pixels.safetensors"], new[] { KeyValuePair.Create("pixels", pixels) }.ToTensorData());
        SafetensorsWriter.Write(folder["plain"], model.Weights.Append(KeyValuePair.Create("pixels", pixels)).ToTensorData());

        using var loaded = ModelSource.Open(folder.Path).LoadVit();
        loaded.Architecture.Blocks.ShouldBe(Compressed.Mixed.Blocks);
        VitCost.Of(loaded.Architecture).ShouldBe(TensorCount.Of(loaded));
        var logits = loaded.Answer(pixels);
        var spec = JsonSerializer.Serialize(new[] { PlainPeer.Spec(Compressed.Mixed, folder["plain"]) });
        PlainPeer.ShouldAgree(PythonOracle.Run(PlainPeer.Script, s_modules, spec), [logits], 1e-5);
        PlainPeer.ShouldAgree(PythonOracle.Run(Loader, s_modules, folder.Path), [logits], 1e-5);

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
}
