using System.Collections.Immutable;
using Espalier.Baselines;
using Espalier.Cli.Options;
using Espalier.DcVit;
using Espalier.Finetuning;
using Espalier.Models;

namespace Espalier.Cli.Commands;

/// <summary>From the options of <c>compress</c>, <c>rank</c> and <c>plan</c> to a method of the library.</summary>
internal static class MethodSetup
{
    /// <param name="method">Which, and its switches, as typed.</param>
    /// <param name="net">The network it is for.</param>
    /// <param name="batch">Images per gradient step.</param>
    /// <param name="measureCandidates">Whether each ranked candidate is measured on other images, too.</param>
    public static CompressionMethod Of(MethodSettings method, Architecture net, int? batch = null, bool measureCandidates = false)
    {
        return method.Method switch
        {
            MethodNames.Espalier => CompressionMethod.Espalier(EspalierSetup.Options(method, batch)),
            MethodNames.Magnitude => CompressionMethod.EvenWidths(UnitRule.Magnitude, Finetune(), Kept()),
            MethodNames.Random => CompressionMethod.EvenWidths(UnitRule.Random, Finetune(), Kept()),
            MethodNames.Fskd => CompressionMethod.Fskd(Finetune(), Kept()),
            MethodNames.CrossDistillation => CompressionMethod.CrossDistillation(Finetune(), Kept()),
            MethodNames.Practise => CompressionMethod.Practise(Blocks()),
            MethodNames.DropBlocks => CompressionMethod.DropBlocks(Blocks()),
            _ => CompressionMethod.DcVit(Blocks()),
        };

        FinetuneOptions Finetune() => method.Finetune(batch);

        ImmutableArray<int> Kept() => FewShotSetup.Kept(method.Keep);

        DcVitOptions Blocks() => DcVitSetup.Options(method, net, batch) with { MeasureCandidates = measureCandidates };
    }
}
