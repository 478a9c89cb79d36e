using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.MetricSets;
using Espalier.Models.Data;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>A method's name means the same to a program and to the command line, defaults included: both end with the same bytes.</summary>
public sealed class MethodTests : IDisposable
{
    private const double Keep = 0.7;

    private static readonly Dictionary<string, CompressionMethod> s_transformers = new()
    {
        ["espalier"] = CompressionMethod.Espalier(),
        ["dc-vit"] = CompressionMethod.DcVit(),
        ["dc-vit --variant rm_ffn --update all --k 4"] = CompressionMethod.DcVit(new() { Variant = BlockVariant.RemoveMlp, Finetune = new() { Update = UpdateRange.All }, K = 4 }),
        ["drop-blocks"] = CompressionMethod.DropBlocks(),
        ["practise"] = CompressionMethod.Practise(),
        ["practise --metric mse --lr 1e-3"] = CompressionMethod.Practise(new() { Finetune = new() { LearningRate = 1e-3 } }),
        ["magnitude"] = CompressionMethod.EvenWidths(),
        ["random --loss kd"] = CompressionMethod.EvenWidths(UnitRule.Random, new() { Loss = FinetuneLoss.SoftLabels }),
    };

    private static readonly Dictionary<string, CompressionMethod> s_convolutional = new()
    {
        ["espalier"] = CompressionMethod.Espalier(),
        ["dc-vit"] = CompressionMethod.DcVit(),
        ["dc-vit --variant cnn-dense"] = CompressionMethod.DcVit(new() { Variant = BlockVariant.Compress }),
        ["drop-blocks"] = CompressionMethod.DropBlocks(),
        ["practise"] = CompressionMethod.Practise(),
        ["magnitude"] = CompressionMethod.EvenWidths(),
        ["random"] = CompressionMethod.EvenWidths(UnitRule.Random),
        ["fskd"] = CompressionMethod.Fskd(),
        ["cd --lr 1e-3"] = CompressionMethod.CrossDistillation(new() { LearningRate = 1e-3 }),
    };

    private readonly TemporaryFolder _folder = new();
    private readonly string? _cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public MethodTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _folder["cache"]);

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _cache);
        _folder.Dispose();
    }

    public static TheoryData<string> OnTransformers => [.. s_transformers.Keys];

    public static TheoryData<string> OnConvolutionalNetworks => [.. s_convolutional.Keys];

    [Theory]
    [MemberData(nameof(OnTransformers))]
    public void A_transformer_ends_the_same(string typed) => EndsTheSame(_folder.WriteModel(depth: 6), typed, s_transformers[typed]);

    [Theory]
    [MemberData(nameof(OnConvolutionalNetworks))]
    public void A_convolutional_network_ends_the_same(string typed) => EndsTheSame(_folder.WriteCnn(), typed, s_convolutional[typed]);

    [Fact]
    public void Every_name_but_that_of_a_search_is_a_method_here() =>
        s_transformers.Values.Concat(s_convolutional.Values).Select(m => m.Name).Distinct().ShouldBe(MethodNames.All.Remove(MethodNames.Ofb), ignoreOrder: true);

    private void EndsTheSame(string model, string typed, CompressionMethod method)
    {
        var images = _folder.WriteImages("images", 12, [.. Enumerable.Range(0, 12).Select(i => i % TinyModel.Classes)]);
        string[] words = typed.Split(' ');
        method.Name.ShouldBe(words[0]);
        var run = CliRun.Of(["compress", model, "--keep-macs", $"{Keep}", "--images", images, "-n", "8", "--steps", "2", "--threads", "1", "--quiet", "-o", _folder["typed"], "--method", .. words]);
        run.Code.ShouldBe(0, run.Error);

        EspalierModel.Open(model).Compress(_folder["called"], new Espalier.CompressOptions
        {
            Target = Target.KeepMacs(Keep), Images = ImageDataset.Open(images), Count = 8, Steps = 2, Method = method, Compute = new ComputeOptions { Threads = 1 },
            MetricSet = new MetricSetOptions { Kind = typed.Contains("mse") ? MetricKind.Mse : MetricKind.Kl },
        });

        foreach (var file in new[] { "model.safetensors", "config.json" })
            File.ReadAllBytes(Path.Combine(_folder["called"], file)).ShouldBe(File.ReadAllBytes(Path.Combine(_folder["typed"], file)), file);
    }
}
