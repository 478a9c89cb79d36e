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
        var options = DcVitOptions.For(DcVitProfile.Parse(method.Profile)).Finetune;
        foreach (var (topic, setting) in method.Switches) options = options.With(topic, setting);
        return CompressionMethod.EvenWidths(rule, method.Over(options, batch), FewShotSetup.Kept(method.Keep));
    }
}
