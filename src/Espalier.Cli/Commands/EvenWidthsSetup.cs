using Espalier.Baselines;
using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.Finetuning;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c> and <c>plan</c> to the baselines that cut every width alike.</summary>
internal static class EvenWidthsSetup
{
    public static CompressionMethod Method(UnitRule rule, MethodSettings method, int? batch)
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
        var options = DcVitOptions.For(DcVitProfile.Parse(method.Profile)).Finetune;
        foreach (var (topic, setting) in method.Switches) options = options.With(topic, setting);
        return CompressionMethod.EvenWidths(rule, method.Over(options, batch), FewShotSetup.Kept(method.Keep));

        void Refuse(bool given, string option)
        {
            if (given) throw new UsageException($"{option} does not go with --method {method.Method}, which cuts every width of every block by the same share.");
        }
    }
}
