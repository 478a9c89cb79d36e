using System.Globalization;
using Espalier.Budget;
using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.SearchSpaces;

namespace Espalier.Ofb;

/// <summary>What can be reached, and the window of costs in which a search must end. Arithmetic alone.</summary>
public sealed record OfbPlan
{
    /// <summary>Share of the target that may be left unused.</summary>
    private const double Tolerance = 0.03;

    public required SearchSpace Space { get; init; }

    /// <summary>In the target's measure.</summary>
    public required SearchCost Cost { get; init; }

    public required Limit Limit { get; init; }

    /// <summary>The given network.</summary>
    public required Cost Before { get; init; }

    /// <summary>Least cost of the window; its other end is the limit.</summary>
    public required double Low { get; init; }

    /// <summary>A structure in the window: the one with the most units, all submodules alike as far as possible.</summary>
    public required VitArchitecture Example { get; init; }

    public double Dense => Before.In(Limit.Measure);

    /// <summary>The smallest network of the search space.</summary>
    public VitArchitecture Smallest => Space.Chosen(Space.Tables, [.. Space.Tables.Select(_ => 0)]);

    /// <summary>What the user should know.</summary>
    public IEnumerable<string> Warnings => Low >= (1 - Tolerance) * Limit.Amount ? [] :
        [$"no combination of sizes lies within {100 * Tolerance} % of the target; the result may use as little as {Limit.Measure.Describe(Low)}"];

    /// <summary>Checks a target.</summary>
    /// <param name="net">The network to search in; fractions are of it as given.</param>
    /// <param name="target">What to reach.</param>
    /// <param name="fixedEmbed">Keep all residual channels.</param>
    /// <exception cref="UsageException">The network is not one that can be searched.</exception>
    /// <exception cref="BudgetException">The target lies outside what the candidates can reach.</exception>
    public static OfbPlan Create(VitArchitecture net, Target target, bool fixedEmbed = false)
    {
        var space = SearchSpace.Of(net, fixedEmbed);
        var before = VitCost.Of(net);
        var limit = target.Resolve(before);
        if (net.Staged && limit.Measure == CostMeasure.Parameters)
            throw new UsageException("ofb counts a Swin's parameters by no formula of its widths alone (each head has biases by position); state the target in MACs.");
        var cost = SearchCost.Of(space, limit.Measure);
        var (least, most) = (cost.Total(space.Tables, [.. space.Tables.Select(_ => 0)]), before.In(limit.Measure));
        if (!limit.Met(least) || limit.Amount > most * (1 + Limit.Tolerance))
            throw new BudgetException(string.Create(CultureInfo.InvariantCulture, $"ofb cannot bring {net.Name} to {limit.Describe()}: it reaches "
                + $"{limit.Measure.Describe(least)} to {limit.Measure.Describe(most)} ({least:N0} to {most:N0}, {100 * least / most:0.##}% to 100%)."));
        var high = limit.Amount * (1 + Limit.Tolerance);
        // Ends with the smallest network, if not before: that meets the limit.
        for (var low = (1 - Tolerance) * limit.Amount; ; low = Math.Max(least, low - Tolerance * limit.Amount))
            if (StructureChoice.Best(space.Tables, (s, c) => Math.Sqrt((double)space.Tables[s].SizeOf(c) / space.Tables[s].Units), cost, low, high) is { } choice)
                return new OfbPlan { Space = space, Cost = cost, Limit = limit, Before = before, Low = low, Example = space.Chosen(space.Tables, choice) };
    }
}
