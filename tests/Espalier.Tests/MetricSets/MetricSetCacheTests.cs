using Espalier.Compute;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Vit;
using Espalier.Testing;
using Espalier.Torch;

namespace Espalier.Tests.MetricSets;

[Collection(TorchCollection.Name)]
public sealed class MetricSetCacheTests : IDisposable
{
    private const string Hash = "0123456789abcdef0123456789abcdef";
    private static readonly VitArchitecture s_net = VitArchitecture.Uniform("tiny", 8, patchSize: 4, channels: 1, embedDim: 8, depth: 2, heads: 2, classes: 3);
    private static readonly SynthesisOptions s_options = new() { Images = 2, Steps = 20 };
    private static readonly ComputeOptions s_compute = new() { Threads = 1 };
    private static readonly Preprocessing s_preprocessing = new() { Size = 8, Mean = [0.5], Std = [0.5] };
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>All that changes a value of a synthetic set.</summary>
    public static TheoryData<string, string, Architecture, SynthesisOptions, ComputeOptions> Others => new()
    {
        { "weights", Hash.Replace('0', '1'), s_net, s_options, s_compute },
        { "image size", Hash, s_net.At(16), s_options, s_compute },
        { "threads", Hash, s_net, s_options, s_compute with { Threads = 2 } },
        { "device", Hash, s_net, s_options, s_compute with { Device = "cuda:1" } },
        { "seed", Hash, s_net, s_options with { Seed = 1 }, s_compute },
        { "number", Hash, s_net, s_options with { Images = 3 }, s_compute },
        { "precision", Hash, s_net, s_options with { Bf16 = true }, s_compute },
        { "rate", Hash, s_net, s_options with { LearningRate = 0.1 }, s_compute },
        { "beta", Hash, s_net, s_options with { Beta = 1 }, s_compute },
        { "weight", Hash, s_net, s_options with { Tv1 = 1e-3 }, s_compute },
        { "passes", Hash, s_net, s_options with { HalfResolutionFirst = true }, s_compute },
        { "flip", Hash, s_net, s_options with { Flip = false }, s_compute },
    };

    [Theory]
    [MemberData(nameof(Others))]
    public void A_set_made_in_another_way_is_another_set(string what, string hash, Architecture net, SynthesisOptions options, ComputeOptions compute)
    {
        Store(Cache(Hash, s_net, s_options, s_compute), 2, 1, 8, 8);

        Cache(Hash, s_net, s_options with { Steps = 7 }, s_compute).Find(20, exact: true).ShouldNotBeNull("how many steps is asked for when it is looked for");
        Cache(hash, net, options, compute).Find(20, exact: true).ShouldBeNull(what);
    }

    [Fact]
    public void The_same_steps_are_found_or_more_where_that_will_do()
    {
        var cache = Cache(Hash, s_net, s_options, s_compute);
        Store(cache, 2, 1, 8, 8);

        cache.Find(20, exact: true).ShouldNotBeNull();
        cache.Find(19, exact: true).ShouldBeNull();
        cache.Find(19, exact: false).ShouldNotBeNull();
        cache.Find(21, exact: false).ShouldBeNull();
    }

    [Fact]
    public void A_set_within_another_normalisation_is_another_set()
    {
        Store(Cache(Hash, s_net, s_options, s_compute), 2, 1, 8, 8);
        Cache(Hash, s_net, s_options, s_compute).Find(20, exact: true).ShouldNotBeNull();
        Cache(Hash, s_net, s_options, s_compute, mean: 0.25).Find(20, exact: true).ShouldBeNull();
    }

    [Fact]
    public void A_set_of_another_shape_or_a_damaged_one_is_made_anew()
    {
        var cache = Cache(Hash, s_net, s_options, s_compute);
        Store(cache, 2, 1, 16, 16);
        cache.Find(20, exact: true).ShouldBeNull();

        Store(cache, 2, 1, 8, 8);
        var found = cache.Find(20, exact: true).ShouldNotBeNull();
        File.WriteAllBytes(Path.Combine(found, MetricSetFile.FileName), [1, 2, 3]);
        cache.Find(20, exact: true).ShouldBeNull();
    }

    private MetricSetCache Cache(string hash, Architecture net, SynthesisOptions options, ComputeOptions compute, double mean = 0.5) =>
        new(_folder["cache"], hash, net, s_preprocessing with { Mean = [mean] }, options, compute);

    private void Store(MetricSetCache cache, params long[] shape)
    {
        using var scope = new TensorScope();
        MetricSetFile.Write(Directory.CreateDirectory(_folder["set"]).FullName, Tensor.Zeros(shape), null, steps: 20);
        cache.Store(_folder["set"], 20);
    }
}
