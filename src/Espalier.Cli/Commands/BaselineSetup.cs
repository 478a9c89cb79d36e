using Espalier.Baselines;
using Espalier.Cli.Options;
using Espalier.FewShot;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to the baselines; those that drop blocks are DC-ViT with other switches.</summary>
internal static class BaselineSetup
{
    /// <summary>The method for a request; it plans.</summary>
    public static EvenWidthsMethod Method(FewShotRequest request, MethodSettings method, TimeProvider time, int? batch) => new(request.WithRealImages(method),
        method.Method == MethodTable.Random ? UnitRule.Random : UnitRule.Magnitude, DcVitSetup.Options(method, request.Model.Vit, batch), time);
}
