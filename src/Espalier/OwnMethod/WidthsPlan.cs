using Espalier.Budget;
using Espalier.Models;

namespace Espalier.OwnMethod;

/// <summary>Widths that were searched and repaired on images, before any gradient step.</summary>
/// <param name="Limit">The target, resolved against the given network.</param>
/// <param name="Structure">The network as it would be.</param>
/// <param name="PredictedKl">KL from the given network on images the repair was not fitted to, mean per image.</param>
public sealed record WidthsPlan(Limit Limit, Architecture Structure, double PredictedKl);
