using System.Collections.Immutable;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.SearchSpaces;
using Espalier.Training;

namespace Espalier.Benchmarks.Ofb;

/// <summary>
/// T0: the supernet right before the first cut after which a quarter of the units of some kind is gone, cut to those sizes by three rankings, without
/// any training after it.
/// </summary>
internal static class RankingProbe
{
    private const double Gone = 0.25;

    /// <summary>Top-1 by importance, at random and by magnitude; and of the supernet itself with its gains.</summary>
    public static ImmutableSortedDictionary<string, double> Run(OfbSetting setting, OfbOptions options)
    {
        var plan = OfbPlan.Create(setting.Base().Vit, setting.Target);
        setting.Compute.Apply();
        // Twice the same way: first to see when it happens, then to be there one step before.
        var (step, cut) = (long.MaxValue, (VitArchitecture?)null);
        Walk(setting, options, plan, (net, at) =>
        {
            if (cut is not null || !Kinds(plan.Space.Net).Zip(Kinds(net)).Any(k => k.Second <= (1 - Gone) * k.First)) return;
            (step, cut) = (at, net);
        }, () => cut is not null, _ => { });
        var sizes = OfbCuts.SizesOf(plan, cut!);
        var results = ImmutableSortedDictionary.CreateBuilder<string, double>(StringComparer.Ordinal);
        long taken = 0;
        Walk(setting, options, plan, (_, at) => taken = at, () => false, net =>
        {
            var tables = net.Tables;
            using var folded = Gains(net, setting, plan, step);
            var space = plan.Space with { Submodules = [.. plan.Space.Submodules.Select((s, k) => s with { Table = tables[k] })] };
            results["supernet"] = setting.Score(folded, setting.Test);
            Score("importance", k => net.Ranking(k));
            Score("random", k => OfbCuts.RandomRanking(tables[k], setting.Seed, k));
            Score("magnitude", k => OfbCuts.Magnitude(folded, space.Submodules[k]));

            void Score(string name, Func<int, UnitRanking> ranking)
            {
                using var model = OfbCuts.Cut(folded, space, sizes, k => tables[k].IsDecided ? All(tables[k]) : ranking(k));
                results[name] = setting.Score(model, setting.Test);
            }
        }, step - 1);
        return results.ToImmutable();
    }

    private static UnitRanking All(CandidateTable table) => new(new double[table.Units], table.MostHeads);

    // λ·S + 1 − λ for every unit, as a kept unit's gain would be; a decided one has its gain.
    private static VitModel Gains(Supernet net, OfbSetting setting, OfbPlan plan, long step)
    {
        var lambda = new OfbSchedule { Epochs = setting.Epochs, FuseShare = new OfbOptions().SearchShare }.LambdaAt(step / Math.Ceiling((double)setting.Train.Count / new OfbOptions().Recipe.BatchSize));
        using var noGrad = new Torch.NoGrad();
        using var scope = new Torch.TensorScope();
        var factors = plan.Space.Submodules.Select(s => net.Extra.TryGetValue("gain." + s.Name, out var gain)
            ? gain : net.Extra["score." + s.Name].Sigmoid() * lambda + (1 - lambda)).ToList();
        var unit = new UnitFactors(factors[0], [.. factors.Where((_, k) => plan.Space.Submodules[k].Kind == UnitKind.HeadChannels)],
            [.. factors.Where((_, k) => plan.Space.Submodules[k].Kind == UnitKind.Hidden)]);
        using var folded = Folding.Apply(net.Model.Weights, unit, allWrites: true);
        return new VitModel(net.Model.Architecture, net.Model.Preprocessing, folded.Clone());
    }

    private static void Walk(OfbSetting setting, OfbOptions options, OfbPlan plan, Action<VitArchitecture, long> onCut, Func<bool> stop, Action<Supernet> atEnd, long? steps = null)
    {
        using var net = Supernet.Create(plan.Space, setting.Base().LoadVit(setting.Compute.Device), options.Pmim, setting.Seed);
        using var batches = new ImageBatches(setting.Train, options.Recipe.Transform(net.Model.Preprocessing),
            new LoaderOptions { BatchSize = options.Recipe.BatchSize, Seed = setting.Seed, Prefetch = 4 }, setting.Compute.Device);
        TrainingLoop? loop = null;
        var task = new SearchTask(net, plan, options, setting.Epochs * batches.BatchesPerEpoch, batches.BatchesPerEpoch, setting.Seed)
        {
            OnCut = architecture => onCut(architecture, loop!.Step),
        };
        using (loop = new TrainingLoop(task, batches, task.Training(setting.Compute))
        {
            StopEarly = () => stop() || loop!.Step == steps,
        })
        {
            if (steps != 0) loop.Run();
            loop.Finish();
        }
        atEnd(net);
    }

    private static IReadOnlyList<long> Kinds(VitArchitecture net) =>
        [net.EmbedDim, net.Blocks.Sum(b => (long)b.Heads * b.QkDim), net.Blocks.Sum(b => (long)b.MlpHidden)];
}
