using Espalier.Baselines;
using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Models.Vit;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to the baselines; those that drop blocks are DC-ViT with other switches.</summary>
internal static class BaselineSetup
{
    public const string Practise = "practise", Magnitude = "magnitude", Random = "random";

    public static bool IsOne(string? method) => method is Practise or Magnitude or Random;

    /// <summary>The method for a request; it plans.</summary>
    public static EvenWidthsMethod Method(FewShotRequest request, MethodSettings method, TimeProvider time, int? batch) => new(request.WithRealImages(method),
        method.Method == Random ? UnitRule.Random : UnitRule.Magnitude, Options(method, request.Model.Vit, batch), time);

    /// <summary>How to finetune, and which blocks stay.</summary>
    public static DcVitOptions Options(MethodSettings method, VitArchitecture net, int? batch = null)
    {
        Refuse(method.K is not null, "--k");
        Refuse(method.Order is not null || method.Choice is not null, "--order");
        Refuse(method.Variant is not null, "--variant");
        Refuse(method.UnitChoice is not null, "--unit-choice");
        Refuse(method.Blocks is not null, "--blocks");
        Refuse(method.MultipleOf is > 1, "--multiple-of");
        Refuse(method.RankSteps is not null, "--rank-steps");
        Refuse(method.MergeTokens, "--merge-tokens");
        Refuse(method.Like is not null, "--like");
        return DcVitSetup.Options(method, net, batch);

        void Refuse(bool given, string option)
        {
            if (given) throw new UsageException($"{option} does not go with --method {method.Method}, which cuts every width of every block by the same share.");
        }
    }
}
