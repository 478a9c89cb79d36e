using System.Collections.Immutable;
using System.Text.Json;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.SearchSpaces;
using Espalier.Torch;

namespace Espalier.Ofb;

/// <summary>
/// The network while it is searched: a ViT of the sizes reached so far and, under names of their own, what is learned beside it. Undecided
/// submodules have <c>score.NAME</c> [units] and <c>alpha.NAME</c> [head counts, dims]; decided ones <c>gain.NAME</c> [units]; and as long as one is
/// undecided there are <c>mask_token</c> [E] and the decoder.
/// </summary>
public sealed class Supernet : IDisposable
{
    private readonly SearchSpace _space;
    private readonly bool _pmim;

    private Supernet(SearchSpace space, VitModel model, ImmutableArray<CandidateTable> tables, bool pmim) =>
        (_space, Model, Tables, _pmim) = (space, model, tables, pmim);

    /// <summary>At its present sizes, without masks and gains.</summary>
    public VitModel Model { get; private set; }

    /// <summary>Scores, alphas, gains, mask token, decoder.</summary>
    public Weights Extra { get; } = new();

    public ImmutableArray<CandidateTable> Tables { get; private set; }

    /// <summary>The gains are part of the weights.</summary>
    public bool IsFused { get; private set; }

    public bool IsDecided => Tables.All(t => t.IsDecided);

    public ImmutableArray<Submodule> Submodules => _space.Submodules;

    /// <summary>A supernet around a pretrained model, which it takes over. Importance is N(0, 0.2²), alpha uniform in [0, 1).</summary>
    public static Supernet Create(SearchSpace space, VitModel model, bool pmim, ulong seed)
    {
        var net = new Supernet(space, model, space.Tables, pmim && !space.Net.Staged);
        net.Fill((name, shape) => Fresh(name, shape, seed));
        return net;
    }

    /// <summary>The candidates and the state, as text; <see cref="Resize"/> makes another supernet's shapes the same.</summary>
    public string Snapshot() => JsonSerializer.Serialize(new Shape(IsFused, [.. Tables.Select(t => new TableShape(t.Heads, t.Dims, t.Live))]));

    /// <summary>Takes the shapes of a snapshot; the values are to be overwritten.</summary>
    public void Resize(string snapshot)
    {
        var shape = JsonSerializer.Deserialize<Shape>(snapshot)!;
        IsFused = shape.IsFused;
        Tables = [.. shape.Tables.Select(t => new CandidateTable { Heads = t.Heads, Dims = t.Dims, Live = t.Live })];
        using (var anyValues = VitInit.Random(_space.Shape(Tables), Model.Preprocessing, 0)) Exchange(anyValues.To(Model.Device));
        Extra.RemovePrefix("");
        Fill((_, size) => new float[size.Aggregate(1L, (a, b) => a * b)]);
    }

    /// <summary>The units of a submodule by importance.</summary>
    public UnitRanking Ranking(int submodule) =>
        new(Extra["score." + Submodules[submodule].Name].ToArray<double>(), Tables[submodule].MostHeads, s => 1 / (1 + Math.Exp(-s)));

    /// <summary>p of every candidate, submodule by submodule; 1 for a decided one.</summary>
    public IReadOnlyList<double[]> Probabilities()
    {
        using var scope = new TensorScope();
        using var noGrad = new NoGrad();
        return [.. Submodules.Select((s, k) => Tables[k].IsDecided ? [1.0] : BiMask.Probabilities(Extra["alpha." + s.Name], Tables[k]).ToArray<double>())];
    }

    /// <summary>Sum of the importance S that a candidate keeps.</summary>
    public double KeptImportance(int submodule, int candidate)
    {
        if (Tables[submodule].IsDecided) return 0;
        var scores = Extra["score." + Submodules[submodule].Name].ToArray<double>();
        return Ranking(submodule).Kept(Tables[submodule].HeadsOf(candidate), Tables[submodule].DimsOf(candidate)).Sum(u => 1 / (1 + Math.Exp(-scores[u])));
    }

    /// <summary>All factors of a forward pass: bi-masks of the undecided, gains of the decided submodules; with probabilities and expected sizes.</summary>
    public (UnitFactors Factors, Tensor?[] Probabilities, Tensor[] Sizes) Masks(double lambda)
    {
        var count = Submodules.Length;
        var (factors, probabilities, sizes) = (new Tensor[count], new Tensor?[count], new Tensor[count]);
        for (var k = 0; k < count; k++)
        {
            var (name, table) = (Submodules[k].Name, Tables[k]);
            if (table.IsDecided)
            {
                (factors[k], sizes[k]) = (Extra["gain." + name], Tensor.Full([], table.Units, device: Model.Device));
                continue;
            }
            var p = BiMask.Probabilities(Extra["alpha." + name], table);
            factors[k] = BiMask.Mask(Extra["score." + name], BiMask.Sparsity(p, table, Ranking(k)), lambda);
            (probabilities[k], sizes[k]) = (p, BiMask.ExpectedSize(p, table));
        }
        return (Collect(factors), probabilities, sizes);
    }

    /// <summary>
    /// Takes new candidates over: cuts what the largest of them do not need, best units first, and decides submodules that have one left. Returns how
    /// names and tensors of before become those of now.
    /// </summary>
    /// <param name="tables">A subset of the present candidates.</param>
    /// <param name="lambda">λ at this time, for the gains of decided submodules.</param>
    public Training.StateCarry Shrink(IReadOnlyList<CandidateTable> tables, double lambda)
    {
        using var noGrad = new NoGrad();
        var cuts = new List<(string Name, WidthCut Cut)>();
        var reset = new HashSet<string>();
        for (var k = 0; k < tables.Count; k++)
        {
            if (tables[k].Live.SequenceEqual(Tables[k].Live)) continue;
            using var scope = new TensorScope();
            var (name, before) = (Submodules[k].Name, Tables[k]);
            var (box, rows, columns) = tables[k].Box();
            reset.Add("alpha." + name);
            if (box.Units != before.Units) cuts.Add((name, Cut(k, box)));
            if (box.IsDecided) Decide(name, lambda);
            else Extra.Set("alpha." + name, Extra["alpha." + name].Detach().IndexSelect(0, rows).IndexSelect(1, columns));
            Tables = Tables.SetItem(k, box);
        }
        if (IsDecided)
            foreach (var gone in new[] { "mask_token", "decoder." }) Extra.RemovePrefix(gone);
        // Moments of alpha mean nothing once its rivals changed.
        return (name, state) => reset.Contains(name) ? null : cuts.Aggregate(state, (t, c) => Follow(c.Name, c.Cut, name, t));
    }

    /// <summary>The decided network with its gains folded in, as a model of its own.</summary>
    public VitModel Folded(bool allWrites)
    {
        using var noGrad = new NoGrad();
        if (IsFused) return Model.Clone();
        using var folded = Folding.Apply(Model.Weights, Collect([.. Submodules.Select(s => Extra["gain." + s.Name])]), allWrites);
        return new VitModel(Model.Architecture, Model.Preprocessing, folded.Clone());
    }

    /// <summary>Folds the gains into the weights, for good.</summary>
    public void Fuse(bool allWrites)
    {
        Exchange(Folded(allWrites));
        Extra.RemovePrefix("gain.");
        IsFused = true;
    }

    public void Dispose()
    {
        Model.Dispose();
        Extra.Dispose();
    }

    private WidthCut Cut(int k, CandidateTable box)
    {
        var (submodule, kept) = (Submodules[k], Ranking(k).Kept(box.MostHeads, box.MostDims));
        var cut = WidthCut.Of(Model.Architecture, submodule.Kind, submodule.Block, [.. kept]);
        Exchange(submodule.Kind switch
        {
            UnitKind.Embedding => Model.KeepEmbedding(kept, submodule.Block),
            UnitKind.HeadChannels => Model.KeepHeadChannels(submodule.Block, box.MostHeads, kept),
            _ => Model.KeepHidden(submodule.Block, kept),
        });
        foreach (var (name, tensor) in Extra.ToList())
        {
            var follows = Follow(submodule.Name, cut, name, tensor.Detach());
            if (!follows.Shape.AsSpan().SequenceEqual(tensor.Shape)) Extra.Set(name, follows);
        }
        return cut;
    }

    // g = λ·sigmoid(s) + 1 − λ: the mask a kept unit has when there is nothing left to choose.
    private void Decide(string name, double lambda)
    {
        Extra.Set("gain." + name, Extra["score." + name].Detach().Sigmoid() * lambda + (1 - lambda));
        Extra.RemovePrefix("score." + name);
        Extra.RemovePrefix("alpha." + name);
    }

    // What a cut does to any tensor by its name.
    private static Tensor Follow(string submodule, WidthCut cut, string name, Tensor tensor)
    {
        var isEmbed = cut.Kind == UnitKind.Embedding;
        if (name == "score." + submodule || (isEmbed && name == "mask_token")) return tensor.IndexSelect(0, cut.Kept.AsSpan());
        return isEmbed && name == "decoder.weight" ? tensor.IndexSelect(1, cut.Kept.AsSpan()) : cut.Apply(name, tensor);
    }

    private void Exchange(VitModel model)
    {
        Model.Dispose();
        Model = model;
    }

    private UnitFactors Collect(IReadOnlyList<Tensor> factors) => new(factors[0],
        [.. factors.Where((_, k) => Submodules[k].Kind == UnitKind.HeadChannels)], [.. factors.Where((_, k) => Submodules[k].Kind == UnitKind.Hidden)])
    {
        Stages = [.. Submodules.Select((s, k) => (First: s.Block, Embed: factors[k], s.Kind)).Where(s => s is { Kind: UnitKind.Embedding, First: > 0 }).Select(s => (s.First, s.Embed))],
    };

    private void Fill(Func<string, long[], float[]> values)
    {
        foreach (var (name, shape) in Shapes())
            Extra.Set(name, Tensor.From<float>(values(name, shape), shape, Model.Device));
    }

    // Depends on the tables alone, so that a snapshot of those tells all shapes.
    private IEnumerable<(string Name, long[] Shape)> Shapes()
    {
        for (var k = 0; k < Submodules.Length && !IsFused; k++)
        {
            var (name, table) = (Submodules[k].Name, Tables[k]);
            if (table.IsDecided) yield return ("gain." + name, [table.Units]);
            else
            {
                yield return ("score." + name, [table.Units]);
                yield return ("alpha." + name, [table.Heads.Length, table.Dims.Length]);
            }
        }
        if (!_pmim || IsDecided) yield break;
        long width = Tables[0].Units, pixels = (long)_space.Net.Channels * _space.Net.PatchSize * _space.Net.PatchSize;
        yield return ("mask_token", [width]);
        yield return ("decoder.weight", [pixels, width]);
        yield return ("decoder.bias", [pixels]);
    }

    private static float[] Fresh(string name, long[] shape, ulong seed)
    {
        var random = new SeededRandom(seed, "supernet", name);
        var bound = 1 / Math.Sqrt(shape[^1]);
        Func<double> next = name.Split('.')[0] switch
        {
            "score" => () => 0.2 * random.NextGaussian(),
            "alpha" => () => random.NextDouble(),
            "gain" => () => 1,
            "mask_token" => () => 0.02 * random.NextGaussian(),
            _ => () => random.NextDouble(-bound, bound),
        };
        return [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)next())];
    }

    private sealed record Shape(bool IsFused, ImmutableArray<TableShape> Tables);

    private sealed record TableShape(ImmutableArray<int> Heads, ImmutableArray<int> Dims, ImmutableArray<bool> Live);
}
