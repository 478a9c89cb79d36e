using Espalier.Models.Formats;
using Espalier.Models.Formats.Pickle;
using Espalier.Models.Formats.Safetensors;

namespace Espalier.Models.Tests.Formats.Pickle;

/// <summary>Checkpoints as PyTorch writes them, against the values it wrote into a safetensors file beside them.</summary>
public sealed class TorchFileTests(TorchFileTests.Checkpoints checkpoints) : IClassFixture<TorchFileTests.Checkpoints>
{
    private static readonly string[] s_modules = ["torch"];

    private const string Script = """
        import argparse, collections, json, os, struct, sys, zipfile, torch
        torch.manual_seed(0)
        os.chdir(sys.argv[1])
        names = {torch.float32: 'F32', torch.float16: 'F16', torch.bfloat16: 'BF16', torch.float64: 'F64'}
        def reference(path, tensors):
            header, data = {}, b''
            for k, v in tensors.items():
                raw = v.detach().contiguous().float().numpy().tobytes()
                header[k] = {'dtype': 'F32', 'shape': list(v.shape), 'data_offsets': [len(data), len(data) + len(raw)]}
                data += raw
            text = json.dumps(header).encode()
            open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data)
        def deflate(source, target, root=None):
            with zipfile.ZipFile(source) as a, zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED) as b:
                for item in a.namelist():
                    b.writestr(item if root is None else item.replace(item.split('/')[0], root, 1), a.read(item))
        flat = torch.randn(500)
        square = torch.randn(6, 8)
        tensors = collections.OrderedDict([
            ('plain.weight', torch.randn(3, 4)), ('half', torch.randn(5).half()), ('brain', torch.randn(5).bfloat16()), ('double', torch.randn(2, 2).double()),
            ('scalar', torch.tensor(1.5)), ('empty', torch.zeros(0, 3)), ('offset', flat[100:110]), ('strided', flat[3:400:7]),
            ('transposed', square.t()), ('cut', square[1:5, 2:7]), ('turned', torch.randn(2, 3, 4).permute(2, 0, 1)), ('same', square),
            ('expanded', torch.randn(1, 4).expand(3, 4)), ('parameter', torch.nn.Parameter(torch.randn(3))), ('ones', torch.ones(7, 1, 2)),
        ])
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first = torch.nn.Linear(3, 2)
                self.parts = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.GELU())
        net = Net()
        whole = {k: v for k, v in net.state_dict().items() if v.is_floating_point()}
        zeros = collections.OrderedDict((k, torch.zeros_like(v)) for k, v in tensors.items())
        args = argparse.Namespace(lr=0.1, path='/x', nested=argparse.Namespace(a=[1, 2, {'b': (None, True)}]), dtype=torch.float32, device=torch.device('cpu'))
        optimizer = {'state': {0: {'step': 3, 'exp_avg': torch.randn(3)}}, 'param_groups': [{'lr': 0.1, 'params': [0]}]}
        for legacy in (False, True):
            def save(value, name):
                torch.save(value, ('legacy-' if legacy else 'zip-') + name + '.pth', _use_new_zipfile_serialization=not legacy)
            save(tensors, 'plain')
            save(dict(tensors), 'dict')
            save({'model': tensors, 'optimizer': optimizer, 'epoch': 3, 'args': args, 'loss': float('nan'), 'big': 1 << 80}, 'model')
            save({'state_dict': zeros, 'state_dict_ema': tensors, 'optimizer': optimizer}, 'ema')
            save({'model': zeros, 'model_ema': {'module': tensors}}, 'nested-ema')
            save({'model_state': tensors, 'step': 1}, 'model_state')
            save({'my own name': {'a.' + k: v for k, v in tensors.items()}, 'optimizer': optimizer}, 'own')
            save(net, 'whole')
            save({'model': net, 'epoch': 1}, 'whole-model')
            save(collections.OrderedDict(long=torch.arange(3), byte=torch.ones(2, dtype=torch.uint8), flag=torch.tensor([True]), float=torch.ones(2)), 'whole-numbers')
            save({'epoch': 3, 'args': args}, 'none')
            save({'x': {'a.b': torch.ones(1)}, 'y': {'a.b': torch.ones(1)}}, 'several')
            save(collections.OrderedDict(z=torch.ones(2, dtype=torch.complex64)), 'complex')
        deflate('zip-plain.pth', 'deflated.pth')
        deflate('zip-plain.pth', 'renamed.pth', root='another root')
        torch.save(tensors, 'protocol4.pth', pickle_protocol=4)
        reference('tensors', tensors)
        reference('whole', whole)
        """;

    [SkippableFact]
    public void Every_container_and_layout_gives_the_values_that_were_saved()
    {
        var folder = checkpoints.Folder;
        foreach (var kind in new[] { "zip", "legacy" })
        {
            foreach (var name in new[] { "plain", "dict", "model", "ema", "nested-ema", "model_state", "own" })
                ShouldHold(folder[$"{kind}-{name}.pth"], folder["tensors"], name == "own" ? "a." : "");
            foreach (var name in new[] { "whole", "whole-model" }) ShouldHold(folder[$"{kind}-{name}.pth"], folder["whole"]);
        }
        foreach (var name in new[] { "deflated.pth", "renamed.pth", "protocol4.pth" }) ShouldHold(folder[name], folder["tensors"]);
    }

    [SkippableFact]
    public void The_entry_and_the_types_are_told()
    {
        var folder = checkpoints.Folder;
        foreach (var kind in new[] { "zip", "legacy" })
        {
            foreach (var (name, entry) in new[] { ("plain", ""), ("model", "model"), ("ema", "state_dict_ema"), ("nested-ema", "model_ema.module"), ("own", "my own name") })
            {
                using var file = TorchFile.Open(folder[$"{kind}-{name}.pth"]);
                file.Entry.ShouldBe(entry);
            }
            using var numbers = TorchFile.Open(folder[$"{kind}-whole-numbers.pth"]);
            numbers.Infos.Select(t => t.ElementType).ShouldBe([ElementType.U8, ElementType.Bool, ElementType.F32, ElementType.I64]);
            Should.Throw<InputException>(() => numbers.ReadFloats("long")).Message.ShouldContain("tensor long is I64, where a floating type was expected");
            Should.Throw<InputException>(() => numbers.ReadFloats("nothing")).Message.ShouldContain("has no tensor nothing");
        }
    }

    [SkippableFact]
    public void What_has_no_single_set_of_tensors_says_so()
    {
        var folder = checkpoints.Folder;
        foreach (var kind in new[] { "zip", "legacy" })
        {
            Error(folder[$"{kind}-none.pth"]).ShouldContain("holds no tensors");
            Error(folder[$"{kind}-several.pth"]).ShouldContain("holds several sets of tensors (x, y)");
            Error(folder[$"{kind}-complex.pth"]).ShouldContain("ComplexFloatStorage");
        }
    }

    [SkippableFact]
    public void No_prefix_of_a_file_is_read_as_a_whole_one()
    {
        var folder = checkpoints.Folder;
        foreach (var name in new[] { "zip-model.pth", "legacy-model.pth", "deflated.pth" })
        {
            var bytes = File.ReadAllBytes(folder[name]);
            for (var length = 0; length < bytes.Length; length += Math.Max(1, bytes.Length / 97))
            {
                File.WriteAllBytes(folder["cut.pth"], bytes[..length]);
                Error(folder["cut.pth"]).ShouldStartWith(folder["cut.pth"]);
            }
        }
    }

    [SkippableFact]
    public void A_damaged_byte_gives_values_or_the_typed_error_and_nothing_else()
    {
        var folder = checkpoints.Folder;
        var random = new SeededRandom(0, "damage");
        foreach (var name in new[] { "zip-model.pth", "legacy-model.pth", "legacy-whole.pth", "deflated.pth" })
        {
            var bytes = File.ReadAllBytes(folder[name]);
            for (var trial = 0; trial < 400; trial++)
            {
                var damaged = bytes.ToArray();
                for (var k = 0; k <= trial % 4; k++) damaged[random.NextInt(Math.Min(damaged.Length, 6000))] = (byte)random.NextInt(256);
                File.WriteAllBytes(folder["damaged.pth"], damaged);
                try
                {
                    using var file = TorchFile.Open(folder["damaged.pth"]);
                    foreach (var tensor in file.Infos.Where(t => t.ElementType.IsFloat())) file.ReadFloats(tensor.Name);
                }
                catch (InputException e)
                {
                    e.Message.ShouldStartWith(folder["damaged.pth"]);
                    e.Message.ShouldNotContain('\n');
                }
            }
        }
    }

    /// <summary>The checkpoints, written when a test first asks for them.</summary>
    public sealed class Checkpoints : IDisposable
    {
        private TemporaryFolder? _folder;

        internal TemporaryFolder Folder
        {
            get
            {
                PythonOracle.Require(s_modules);
                if (_folder is not null) return _folder;
                _folder = new TemporaryFolder();
                PythonOracle.Run(Script, s_modules, _folder.Path);
                return _folder;
            }
        }

        public void Dispose() => _folder?.Dispose();
    }

    private static void ShouldHold(string path, string reference, string prefix = "")
    {
        using var file = TorchFile.Open(path);
        using var expected = SafetensorsFile.Open(reference);
        file.Infos.Where(t => t.ElementType.IsFloat()).Select(t => t.Name).ShouldBe(expected.Infos.Select(t => prefix + t.Name), path);
        foreach (var tensor in expected.Infos)
        {
            file.Info(prefix + tensor.Name).Shape.ShouldBe(tensor.Shape, tensor.Name);
            file.ReadFloats(prefix + tensor.Name).ShouldBe(expected.ReadFloats(tensor.Name), $"{path}: {tensor.Name}");
        }
    }

    private static string Error(string path) => Should.Throw<InputException>(() => TorchFile.Open(path)).Message;
}
