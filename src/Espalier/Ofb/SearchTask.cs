using System.Globalization;
using System.Text.Json;
using Espalier.Compute;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Reports;
using Espalier.SearchSpaces;
using Espalier.Supervised;
using Espalier.Torch;
using Espalier.Torch.Optim;
using Espalier.Training;

namespace Espalier.Ofb;

/// <summary>
/// OFB as a task of the training loop: weights, importance and sparsity learn together from every batch; candidates die between steps;
/// once all sizes are decided the gains are folded and the small network trains on.
/// </summary>
public sealed class SearchTask : ITrainingTask
{
    private const int EventsPerEpoch = 3, LeastEvents = 30;
    private const double PatienceShare = 0.03;
    private readonly Supernet _net;
    private readonly OfbPlan _plan;
    private readonly OfbOptions _options;
    private readonly OfbSchedule _schedule;
    private readonly DropPath _dropPath;
    private readonly MixUp _searchMix, _recoveryMix;
    private readonly Pruning _pruning;
    private readonly SearchHistory _history;
    private readonly ulong _seed;
    private readonly long _steps, _interval;
    private readonly double _epochsPerStep, _alphaScale;
    private double _epoch;
    private long _fuse;
    private long? _blockedSince;

    /// <param name="net">The supernet; its holder disposes it.</param>
    /// <param name="plan">Target and window.</param>
    /// <param name="options">Switches.</param>
    /// <param name="steps">Optimizer steps of the run, search and recovery.</param>
    /// <param name="batchesPerEpoch">Batches of one pass over the images.</param>
    /// <param name="seed">For masks, drop-path and mixing.</param>
    public SearchTask(Supernet net, OfbPlan plan, OfbOptions options, long steps, int batchesPerEpoch, ulong seed)
    {
        (_net, _plan, _options, _steps, _seed) = (net, plan, options, steps, seed);
        _epochsPerStep = (double)options.Accumulate / batchesPerEpoch;
        _schedule = new OfbSchedule
        {
            Epochs = steps * _epochsPerStep, Gamma = options.Pmim && !plan.Space.Net.Staged ? (0.05, 0.25) : null, OneHot = options.OneHot, FuseShare = options.SearchShare,
        };
        if (options.Lambda is { } lambda) _schedule = _schedule with { Lambda = (lambda, lambda) };
        _fuse = Math.Max(1, (long)Math.Round(_schedule.FuseShare * steps));
        // Σ of α's learning rate over the search is what lets it decide, so its peak follows the number of steps.
        var rate = Rate;
        _alphaScale = options.AlphaPeak / Enumerable.Range(0, (int)_fuse).Sum(k => rate.At(k, steps)) ?? 1;
        // A short run would hardly have an event in a third of an epoch.
        _interval = Math.Clamp(batchesPerEpoch / EventsPerEpoch / options.Accumulate, 1, Math.Max(1, _fuse / LeastEvents));
        _pruning = new Pruning(plan.Cost, plan.Low, options.Guarded ? plan.Limit.Amount * (1 + Budget.Limit.Tolerance) : null);
        _history = new SearchHistory(plan, _schedule, _epochsPerStep, _fuse);
        var recipe = options.Recipe;
        _dropPath = new DropPath(recipe.DropPath, plan.Space.Net.Depth, seed);
        _recoveryMix = recipe.Mixing();
        _searchMix = _recoveryMix with { MixUpAlpha = 0, CutMixAlpha = 0 };
    }

    /// <summary>Told when the last submodule is decided, with the steps taken.</summary>
    public Action<long>? OnDecided { get; init; }

    /// <summary>Asked at every event of the search: true ends it there and then, with sizes within the budget, and what is left is recovery.</summary>
    public Func<bool>? IsLate { get; init; }

    /// <summary>Told when sizes changed.</summary>
    public Action<VitArchitecture>? OnCut { get; init; }

    /// <summary>How things stand: expected cost against the target, decided submodules, λ and γ. Worked out when asked, as that waits for an accelerator.</summary>
    public string Status
    {
        get
        {
            if (_net.IsFused) return "";
            var probabilities = _net.Probabilities();
            var cost = Cost.Total([.. _net.Tables.Select((table, s) => table.ExpectedSize(probabilities[s]))]);
            return string.Create(CultureInfo.InvariantCulture, $"{cost / _plan.Limit.Amount:P0} of the target, {_net.Tables.Count(t => t.IsDecided)}/"
                + $"{_net.Tables.Length} decided, λ {_schedule.LambdaAt(_epoch):0.##}, γ {_schedule.GammaAt(_epoch):0.##}");
        }
    }

    /// <summary>Moments of the search so far.</summary>
    public IReadOnlyList<ReportMoment> History => _history.Moments;

    public IReadOnlyList<Tensor> Parameters => [.. Groups.SelectMany(g => g.Tensors.Select(t => t.Value))];

    /// <summary>Weight decay only on matrices of the network, alpha and the decoder; none on tokens, importance and gains.</summary>
    public IReadOnlyList<ParameterGroup> Groups
    {
        get
        {
            var plain = new AdamOptions();
            var alpha = new AdamOptions { Beta1 = 0.5, WeightDecay = _options.Recipe.WeightDecay };
            var decays = _net.Model.Weights.ToLookup(t => t.Value.Shape.Length > 1 && !SupervisedTask.IsPosition(t.Key));
            return
            [
                new("weights", [.. decays[true]]),
                new("no decay", [.. decays[false], .. Extra("mask_token")]) { Adam = plain },
                new("importance", [.. Extra("score.")]) { Adam = plain, Scale = _options.FastImportance ? _alphaScale : 1 },
                .. Extra("alpha.").Select(t => new ParameterGroup(t.Key, [t]) { Adam = alpha, Scale = _alphaScale }),
                .. Extra("gain.").Select(t => new ParameterGroup(t.Key, [t]) { Adam = plain }),
                new("decoder", [.. Extra("decoder.weight")]),
                new("decoder bias", [.. Extra("decoder.bias")]) { Adam = plain },
            ];
        }
    }

    /// <summary>The loop's options that go with the task.</summary>
    public TrainingOptions Training(ComputeOptions compute) => new()
    {
        Steps = _steps,
        LearningRate = Rate,
        Adam = new AdamOptions { WeightDecay = _options.Recipe.WeightDecay },
        Accumulate = _options.Accumulate,
        Bf16 = compute.TrainsInBf16,
        Device = compute.Device,
        Group = compute.Group,
        ReadLossEvery = compute.ReadLossEvery,
    };

    public Tensor Loss(TensorBatch batch, long step)
    {
        if (batch.Labels is null) throw new InputException("A search needs labels; the data has none.");
        var mix = _net.IsDecided ? _recoveryMix : _searchMix;
        var (pixels, targets) = mix.Apply(batch, _net.Model.Architecture.Classes, _seed, step);
        if (_net.IsFused) return Classification(_net.Model.Logits(pixels, _dropPath.At(step, batch)), targets);
        var epoch = _epoch = step / _options.Accumulate * _epochsPerStep;
        var (folded, embed, sizeLoss) = Mask(epoch);
        using var model = new VitModel(_net.Model.Architecture, _net.Model.Preprocessing, folded);
        return sizeLoss is null ? Classification(model.Logits(pixels, _dropPath.At(step, batch)), targets)
            : ImageLoss(model, embed, batch, pixels, targets, step, epoch) + sizeLoss;
    }

    public StateCarry? Reshape(long step)
    {
        if (_net.IsFused) return null;
        StateCarry? carry = null;
        if (step < _fuse && step % _interval == 0 && IsLate?.Invoke() == true) _fuse = step;
        var lambda = _schedule.LambdaAt((step - 1) * _epochsPerStep);
        if (!_net.IsDecided && (step % _interval == 0 || step >= _fuse))
        {
            var tables = Candidates(step);
            if (tables.Zip(_net.Tables).Any(t => !t.First.Live.SequenceEqual(t.Second.Live)))
            {
                var before = _net.Model.Architecture;
                carry = _net.Shrink(tables, lambda);
                if (_net.Model.Architecture != before) OnCut?.Invoke(_net.Model.Architecture);
                if (_net.IsDecided) OnDecided?.Invoke(step);
            }
        }
        if (_history.Wants(step) || step == _fuse) _history.Add(step, _net.Tables, _net.Probabilities());
        if (!_net.IsDecided || step < _fuse) return carry;
        _net.Fuse(_options.AllWrites);
        var first = carry ?? ((_, state) => state);
        return (name, state) => _options.KeepMoments ? first(name, state) : null;
    }

    public string Snapshot() => JsonSerializer.Serialize(new State(_net.Snapshot(), _blockedSince) { History = History });

    public void Restore(string snapshot)
    {
        var state = JsonSerializer.Deserialize<State>(snapshot)!;
        _blockedSince = state.BlockedSince;
        _history.Restore(state.History);
        _net.Resize(state.Net);
    }

    // What the budget loss counts by.
    private SearchCost Cost => _options.CounterCost || _plan.Space.Net.Staged || _plan.Limit.Measure == Budget.CostMeasure.Parameters
        ? _plan.Cost : PublishedCost.Of(_plan.Space, _net.Tables);

    // By name, so that the order does not depend on when a submodule was decided.
    private IEnumerable<KeyValuePair<string, Tensor>> Extra(string prefix) =>
        _net.Extra.Where(t => t.Key.StartsWith(prefix, StringComparison.Ordinal)).OrderBy(t => t.Key, StringComparer.Ordinal);

    private LearningRate Rate => new()
    {
        Peak = _options.Peak, Start = 1e-3, Floor = 1e-2, WarmUp = WarmUp.LearningRate, WarmUpShare = _schedule.WarmUpShare,
    };

    // Masks and sizes are exact: their few products are not worth bf16.
    private (Weights Folded, Tensor Embed, Tensor? Loss) Mask(double epoch)
    {
        using var exact = new Autocast(false, _net.Model.Device);
        var (factors, probabilities, sizes) = _net.Masks(_schedule.LambdaAt(epoch));
        return (Folding.Apply(_net.Model.Weights, factors, _options.AllWrites), factors.Embed,
            _net.IsDecided ? null : ArchitectureLoss(probabilities, sizes));
    }

    private static Tensor Classification(Tensor logits, Tensor targets) => Functional.CrossEntropy(logits.To(DType.Float32), targets);

    private Tensor ImageLoss(VitModel model, Tensor embed, TensorBatch batch, Tensor pixels, Tensor targets, long step, double epoch)
    {
        var (net, tokens) = (model.Architecture, model.Embed(pixels));
        var masked = OfbSchedule.Masked(net.Patches, _schedule.GammaAt(epoch));
        if (masked == 0) return Classification(model.Head(model.Norm(model.Blocks(tokens, 0, net.Depth, _dropPath.At(step, batch)))), targets);
        var mask = Pmim.Choose([.. Enumerable.Range(0, (int)pixels.Size(0)).Select(batch.Place)], net.Patches, masked, _seed, step, pixels.Device);
        var replacement = embed * _net.Extra["mask_token"];
        if (_options.MaskPositions) replacement += model.Weights["pos_embed"];
        var features = model.Norm(model.Blocks(Pmim.Replace(tokens, mask, replacement.To(tokens.DType)), 0, net.Depth, _dropPath.At(step, batch)));
        var classification = Classification(model.Head(features), targets);
        var prediction = features.Narrow(1, 1, net.Patches).Linear(_net.Extra["decoder.weight"], _net.Extra["decoder.bias"]).To(DType.Float32);
        var reconstruction = Pmim.Loss(Pmim.Patches(Pmim.LocalTarget(pixels), net.PatchSize), prediction, mask, net.Channels);
        return classification + reconstruction * Pmim.Weight(classification, reconstruction, _options.Clamped);
    }

    // 0.5·Σ(one-hot + k·ΣS) + 5·L_budget; k is 4e-4 for attention and 1e-4 elsewhere.
    private Tensor ArchitectureLoss(Tensor?[] probabilities, Tensor[] sizes)
    {
        var weights = _options.LossWeights;
        var loss = ArchitectureLosses.Budget(Cost.Total(sizes), _plan.Limit.Amount, _plan.Dense) * weights.Budget;
        for (var k = 0; k < probabilities.Length; k++)
        {
            if (probabilities[k] is not { } p) continue;
            var submodule = _net.Submodules[k];
            var importance = _net.Extra["score." + submodule.Name].Sigmoid().Sum();
            var term = importance * (submodule.Kind == UnitKind.HeadChannels ? 4e-4 : 1e-4);
            if (_options.OneHot != OneHotLoss.None && !_options.SizesByImportance)
                term += ArchitectureLosses.OneHot(p, _net.Tables[k].LiveCount, _options.Clamped, _options.Variance) * _schedule.OneHotAt(_epoch);
            loss += term * weights.OneHot;
        }
        return loss;
    }

    // The candidates after this event. At the deadline, or when the guard has held up all that is left for long, one of each is picked.
    private IReadOnlyList<CandidateTable> Candidates(long step)
    {
        var probabilities = _net.Probabilities();
        if (step >= _fuse) return Last(probabilities, _net.Tables);
        if (_options.SizesByImportance) return _net.Tables;
        var result = _pruning.Event(_net.Tables, probabilities);
        var stuck = result.Eliminated.All(e => e == 0) && result.Blocked > 0 && result.Blocked == _net.Tables.Count(t => !t.IsDecided);
        _blockedSince = stuck ? _blockedSince ?? step : null;
        return step - _blockedSince > PatienceShare * _steps ? Last(probabilities, result.Tables) : result.Tables;
    }

    private IReadOnlyList<CandidateTable> Last(IReadOnlyList<double[]> probabilities, IReadOnlyList<CandidateTable> tables) =>
        _options.Guarded
            ? _pruning.Project(tables, _options.SizesByImportance ? _net.KeptImportance : Pruning.LogLikelihood(probabilities))
                ?? throw new FailureException("The search lost every structure within its budget; this is a defect of Espalier.")
            : [.. tables.Select((t, s) => t.Only(t.LiveOnes.MaxBy(c => probabilities[s][c])))];

    private sealed record State(string Net, long? BlockedSince)
    {
        public IReadOnlyList<ReportMoment> History { get; init; } = [];
    }
}
