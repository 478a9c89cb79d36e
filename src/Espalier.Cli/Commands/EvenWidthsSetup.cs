using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.Models;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to the baselines that cut every width alike.</summary>
internal static class EvenWidthsSetup
{
    /// <summary>How to finetune, and which blocks stay.</summary>
    public static DcVitOptions Options(MethodSettings method, Architecture net, int? batch)
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
