using Espalier.Reports;
using Espalier.SearchSpaces;

namespace Espalier.Ofb;

/// <summary>How a search went: at most about a hundred moments, evenly spaced, and the last. Only for people; nothing is decided by it.</summary>
/// <param name="plan">Target and cost.</param>
/// <param name="schedule">λ and γ.</param>
/// <param name="epochsPerStep">What the schedule counts in.</param>
/// <param name="last">Step at which the search is over.</param>
internal sealed class SearchHistory(OfbPlan plan, OfbSchedule schedule, double epochsPerStep, long last)
{
    private const int Most = 100;
    private readonly long _stretch = Math.Max(1, last / Most);
    private readonly List<ReportMoment> _moments = [];

    public IReadOnlyList<ReportMoment> Moments => _moments;

    /// <summary>Whether a moment is kept after this step.</summary>
    public bool Wants(long step) => step <= last && (step == 1 || step % _stretch == 0 || step == last);

    public void Add(long step, IReadOnlyList<CandidateTable> tables, IReadOnlyList<double[]> probabilities)
    {
        double[] sizes = [.. tables.Select((table, s) => table.ExpectedSize(probabilities[s]))];
        var epoch = (step - 1) * epochsPerStep;
        _moments.Add(new(step, plan.Cost.Total(sizes) / plan.Limit.Amount, tables.Count(t => t.IsDecided), schedule.LambdaAt(epoch), schedule.GammaAt(epoch), [.. sizes]));
    }

    /// <summary>Takes up what was kept before a run was interrupted.</summary>
    public void Restore(IEnumerable<ReportMoment> moments)
    {
        _moments.Clear();
        _moments.AddRange(moments);
    }
}
