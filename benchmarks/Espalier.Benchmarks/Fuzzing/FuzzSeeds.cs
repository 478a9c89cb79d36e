using System.Collections.Immutable;
using System.Text;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Models.Tests.Formats.Pickle;
using Espalier.Models.Vit;
using Espalier.Reports;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Good inputs to begin with, written by our own writers.</summary>
internal static class FuzzSeeds
{
    private static readonly VitArchitecture s_vit = VitArchitecture.Uniform("vit_fuzz", 16, 8, 3, 8, 2, 2, 5, 12);

    private static readonly Preprocessing s_preprocessing = new() { Size = 16, Mean = [0.5, 0.4, 0.3], Std = [0.2, 0.3, 0.4] };

    public static byte[][] Safetensors() =>
    [
        Tensors(TensorData.Floats("a", [2, 3], new float[6]), TensorData.Floats("b.weight", [4], new float[4]), new TensorData("c", ElementType.BF16, [3], new byte[6]), new TensorData("n", ElementType.I64, [], new byte[8])),
        Tensors(new TensorData("half", ElementType.F16, [2, 0], Array.Empty<byte>()), new TensorData("double", ElementType.F64, [1, 1, 2], new byte[16]), new TensorData("flag", ElementType.Bool, [5], new byte[5])),
        Tensors(Floats(s_vit)),
        Tensors(),
    ];

    public static byte[] Shard(string tensor) => Tensors(TensorData.Floats(tensor, [2], new float[2]));

    public static byte[][] Indices() =>
    [
        """{"metadata":{"total_size":72},"weight_map":{"a":"part-1.safetensors","b.weight":"part-1.safetensors","c":"part-1.safetensors","d":"part-2.safetensors"}}"""u8.ToArray(),
        """{"weight_map":{"d":"part-2.safetensors"}}"""u8.ToArray(),
    ];

    public static byte[][] Zips() => [Zip(w => w.Tensor(10, 0, [2, 5], [5, 1])), Zip(w => w.Tensor(10, 1, [3, 2], [1, 3])), Zip(w => w.Op("}").Text("x").Tensor(10, 0, [1, 4], [0, 1]).Op("s"))];

    public static byte[][] Legacy() =>
    [
        [
            0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, (byte)'.', 0x80, 2, (byte)'M', 0xE9, 0x03, (byte)'.',
            .. new PickleWriter().Op("}").Text("little_endian").Raw(0x88).Op("s.").Bytes,
            .. PickleWriter.Dict(w => w.Tensor(10, 0, [2, 5], [5, 1])),
            .. new PickleWriter().Op("]").Text("0").Op("a.").Bytes,
            10, 0, 0, 0, 0, 0, 0, 0, .. new byte[40],
        ],
    ];

    public static byte[][] Configs() =>
    [
        Config(s_vit), Config(s_vit with { Blocks = [s_vit.Blocks[0] with { QkDim = 3, AttentionScale = 0.5, TokensMerged = 1 }, new VitBlock { MlpHidden = 7, NormEps = 1e-5 }] }),
        Config(VitArchitecture.Swin("swin_fuzz", 32, 4, 3, 8, [1, 1], 4, 4, 5)), Config((Architecture)ModelRegistry.Find("resnet18")!.Architecture),
        """{"architecture":"vit_x","model_args":{"num_heads":5,"global_pool":"avg"},"pretrained_cfg":{"input_size":[3,64,64],"interpolation":"bilinear","crop_pct":0.9,"mean":[0,0,0],"std":[1,1,1]}}"""u8.ToArray(),
        """{"model_type":"dinov2","hidden_act":"gelu","num_attention_heads":3,"layer_norm_eps":1e-12,"id2label":{"1":"b","0":"a"},"use_swiglu_ffn":false}"""u8.ToArray(),
    ];

    public static byte[][] Preprocessors() =>
    [
        Encoding.UTF8.GetBytes(PreprocessorConfig.ToJson(s_preprocessing)), Encoding.UTF8.GetBytes(PreprocessorConfig.ToJson(s_preprocessing with { Squash = true, CropFraction = 1 })),
        """{"do_resize":true,"size":224,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"resample":2,"do_normalize":true,"rescale_factor":0.00392156862745098}"""u8.ToArray(),
    ];

    /// <summary>The files of a small whole model.</summary>
    public static ImmutableSortedDictionary<string, byte[]> Folder() => new Dictionary<string, byte[]>
    {
        [ModelFolder.ConfigFile] = Config(s_vit), [ModelFolder.WeightsFile] = Tensors(Floats(s_vit)), [ModelFolder.PreprocessorFile] = Preprocessors()[0],
    }.ToImmutableSortedDictionary(StringComparer.Ordinal);

    public static byte[][] Labels() => ["a.png 0\nb c.png 1\nd/e.png 12\n"u8.ToArray(), "\r\nd/e.png 3\r\n"u8.ToArray(), "a.png 0\na.png 1\n"u8.ToArray()];

    /// <summary>Changes a list of files, line by line.</summary>
    public static byte[] ChangeLines(byte[] seed, byte[] other, SeededRandom random)
    {
        string[] words = ["../outside.png", "/etc/passwd", "d/../../outside.png", "a.png", "d\\e.png", "..", "", " ", "\t", "999999999999", "-1", "1000001", "0x1", "\u0000", "é", "a.png\u0000", "/"];
        if (random.NextBool(0.4)) return Mutation.Bytes(seed, other, random);
        var parts = Encoding.UTF8.GetString(seed).Split(' ').ToList();
        for (var left = random.NextInt(1, 3); left > 0; left--)
        {
            var at = random.NextInt(parts.Count);
            if (random.NextBool()) parts[at] = words[random.NextInt(words.Length)] + (random.NextBool() ? $" {random.NextInt(20)}\n" : "");
            else parts.Insert(at, words[random.NextInt(words.Length)]);
        }
        return Encoding.UTF8.GetBytes(string.Join(' ', parts));
    }

    /// <summary>What both run.json and state.json may hold.</summary>
    public static byte[][] Runs() =>
    [
        """{"format_version":1,"command":"compress","arguments":["compress","m","--keep-macs","0.75","-o","x"],"working_directory":"/tmp","version":"0.1.0","owns_folder":true,"done":["draw","cut"],"next":"finetune","finished":false,"seconds":12.5}"""u8.ToArray(),
    ];

    public static byte[][] Reports() => [Encoding.UTF8.GetBytes(Report().ToJson()), Encoding.UTF8.GetBytes((Report() with { Family = [], History = null }).ToJson())];

    public static byte[][] Studies() =>
    [
        """
        { "about": "x", "variables": { "images": "a", "eval": null }, "models": ["fashion-vit", "{images}"], "methods": { "dc-vit": "--method dc-vit", "b": { "arguments": "--method {images}", "dense": true } },
          "targets": ["--keep-macs 0.75"], "images": [50, 100], "seeds": [0, 1], "arguments": "--images {images} --minutes 1", "switches": { "s": "--k 2" },
          "learning_rates": { "grid": [5e-5, 2e-4], "seed": 1000, "per": ["method"], "shared": "--minutes 0.5" }, "measure": { "evaluate": "x", "latency": [1], "latency_runs": 5 },
          "then": { "command": "finetune", "arguments": "--epochs 1" }, "forms": { "full": { "models": ["x"] } } // a comment
        }
        """u8.ToArray(),
    ];

    private static RunReport Report() => new()
    {
        Command = "compress", CommandLine = "espalier compress m --keep-macs 0.75", RepeatCommandLine = "espalier compress m", Version = "0.1.0", Model = "m", Architecture = "vit_fuzz", Method = "dc-vit",
        Profile = "clean", Target = "75 %", TargetMacs = 1e6, Device = "cpu", Precision = "fp32", Images = 5, ImageListHash = "ab", EvaluatedOn = "x", EvaluatedCount = 3, MacsBudgetBefore = 100, MacsBudgetAfter = 70,
        MacsFullBefore = 110, MacsFullAfter = 80, ParamsBefore = 50, ParamsAfter = 40, Top1Before = 0.9, Top1After = 0.8, Top5Before = 1, Top5After = 1, HeldOutMseCut = 1, HeldOutMseAfter = 0.1, HeldOutAgreement = 0.9,
        HeldOutKl = 0.01, Order = [1, 0], Hidden = 3, Seconds = 75, Output = "runs/x", EmbedDim = 8, EmbedDimBefore = 8, Tokens = 5,
        Ranking = [new(0, 0.5), new(1, 0.25)], Search = [new(1, 0.1, 3), new(2, 0.05, 0)],
        Family = [new() { Output = "a", Keep = 0.9, MacsBudget = 90, MacsFull = 99, Params = 45, Metric = 0.1, Structure = ReportBlock.Of(s_vit) }, new() { Output = "b", Keep = 0.5, MacsBudget = 50, MacsFull = 55, Params = 25, Metric = 0.3, Top1 = 0.5, Structure = ReportBlock.Of(s_vit) }],
        History = new() { Submodules = [new("embed", 8), new("attn 0", 2)], Moments = [new(0, 1.2, 0, 0.1, 0.5, [8, 2]), new(9, 1, 1, 0.2, 0.4, [6, 1.5])] },
        StructureBefore = ReportBlock.Of(s_vit), Structure = ReportBlock.Of(s_vit), Losses = [new(0, 1, "repair"), new(5, 0.5, "finetune")], Phases = [new("cut", 1, 2, 3)], Pictures = ["pictures/0.png"], Notes = ["a note"],
    };

    private static byte[] Config(Architecture net) =>
        Encoding.UTF8.GetBytes(ModelConfig.Of(net, s_preprocessing with { Size = net.ImageSize }, new() { ["method"] = "dc-vit", ["seed"] = 1 }, ["a", "b", "c", "d", "e"]).ToJson());

    private static TensorData[] Floats(Architecture net) =>
        [.. net.Tensors().Select(t => TensorData.Floats(net.FileName(t.Name), t.Shape, new float[t.Shape.Aggregate(1L, (a, b) => a * b)]))];

    private static byte[] Tensors(params TensorData[] tensors) => Written("a.safetensors", path => SafetensorsWriter.Write(path, tensors));

    private static byte[] Zip(Action<PickleWriter> value) => Written("a.pth", path => PickleWriter.Save(path, PickleWriter.Dict(value)));

    private static byte[] Written(string name, Action<string> write)
    {
        using var folder = new FuzzFolder();
        write(folder[name]);
        return File.ReadAllBytes(folder[name]);
    }
}
