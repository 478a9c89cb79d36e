using System.Collections.Immutable;

namespace Espalier.Ofb;

/// <summary>A search at one moment.</summary>
/// <param name="Step">Steps taken.</param>
/// <param name="Cost">Expected cost as a share of the target.</param>
/// <param name="Decided">Submodules that are decided.</param>
/// <param name="Lambda">λ, the weight of the importance in the bi-mask.</param>
/// <param name="Gamma">γ, the share of masked patches.</param>
/// <param name="Sizes">Expected units Σ p·n of every submodule.</param>
public sealed record SearchMoment(long Step, double Cost, int Decided, double Lambda, double Gamma, ImmutableArray<double> Sizes);

/// <summary>How a search went: at most about a hundred moments, evenly spaced, and the last. Only for people; nothing is decided by it.</summary>
/// <param name="plan">Target and cost.</param>
/// <param name="schedule">λ and γ.</param>
/// <param name="epochsPerStep">What the schedule counts in.</param>
/// <param name="last">Step at which the search is over.</param>
internal sealed class SearchHistory(OfbPlan plan, OfbSchedule schedule, double epochsPerStep, long last)
{
    private const int Most = 100;
    private readonly long _stretch = Math.Max(1, last / Most);
    private readonly List<SearchMoment> _moments = [];

    public IReadOnlyList<SearchMoment> Moments => _moments;

    /// <summary>Whether a moment is kept after this step.</summary>
    public bool Wants(long step) => step <= last && (step == 1 || step % _stretch == 0 || step == last);

    public void Add(long step, IReadOnlyList<CandidateTable> tables, IReadOnlyList<double[]> probabilities)
    {
        double[] sizes = [.. tables.Select((table, s) => table.ExpectedSize(probabilities[s]))];
        var epoch = (step - 1) * epochsPerStep;
        _moments.Add(new(step, plan.Cost.Total(sizes) / plan.Limit.Amount, tables.Count(t => t.IsDecided), schedule.LambdaAt(epoch), schedule.GammaAt(epoch), [.. sizes]));
    }

    /// <summary>Takes up what was kept before a run was interrupted.</summary>
    public void Restore(IEnumerable<SearchMoment> moments)
    {
        _moments.Clear();
        _moments.AddRange(moments);
    }
}
