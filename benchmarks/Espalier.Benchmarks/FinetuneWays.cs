using System.Globalization;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Benchmarks;

/// <summary>
/// How near equally many steps of DC-ViT's finetune bring a network to its teacher, the published way and the faster ones: the error of the features after
/// the final LayerNorm (§5.3), on images that were drawn and on images that were not.
/// </summary>
internal static class FinetuneWays
{
    private const int Block = 4, Hidden = 287, Images = 500; // ViT-Ti, 75.7 % of the MACs, four blocks

    public static void Compare(string model, string folder, long steps, string only)
    {
        using var teacher = ModelSource.Open(model).LoadVit("cpu");
        var source = ImageDataset.Open(folder);
        var images = SampledImages.Of(source, FewShotSampler.Sample(source, Images, seed: 0), seed: 0);
        using var drawn = ImageTensors.Load(images.Train.Take(100), teacher.Preprocessing);
        using var others = ImageTensors.Load(images.HeldOut, teacher.Preprocessing);
        Console.WriteLine($"| DC-ViT's finetune, block {Block} cut, {steps} steps | precision | error, drawn images | error, other images |\n|---|---|---:|---:|");
        Row("none", Precision.Fp32, FeaturePoint.PreGap, recovery: null, steps: 0);
        Row("as published", Precision.Fp32, FeaturePoint.PreGap, recovery: null, steps);
        Row("as published", Precision.Bf16, FeaturePoint.PreGap, recovery: null, steps);
        Row("`--feature middle_block`", Precision.Bf16, FeaturePoint.MiddleBlock, recovery: null, steps);
        foreach (var before in new[] { 2, 1, 0 })
            Row($"blocks {Block - before} to {Block + 1} alone", Precision.Bf16, FeaturePoint.PreGap, new LocalRecovery(lastUpdatable: null, batchStatistics: false) { Before = before }, steps);

        void Row(string way, Precision precision, FeaturePoint feature, ICandidateRecovery? recovery, long steps)
        {
            if (!way.Contains(only, StringComparison.Ordinal)) return;
            var compute = new ComputeOptions { Precision = precision };
            compute.Apply();
            using var attentionless = teacher.RemoveAttention(Block);
            using var student = attentionless.KeepHidden(Block, [.. Enumerable.Range(0, Hidden)]);
            if (steps > 0)
                new Finetuner(teacher, images.Train, new FinetuneOptions { Feature = feature }, compute, seed: 0, TimeProvider.System) { Recovery = recovery }
                    .Run(student, [Block], steps, "ways", new LoopHooks(), CancellationToken.None);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"| {way} | {compute.PrecisionName} | {Error(student, drawn):F3} | {Error(student, others):F3} |"));
        }

        double Error(VitModel student, Tensor pixels)
        {
            using var noGrad = new NoGrad();
            double sum = 0;
            for (long from = 0; from < pixels.Size(0); from += 20)
            {
                using var scope = new TensorScope();
                var some = pixels.Narrow(0, from, Math.Min(20, pixels.Size(0) - from));
                sum += Functional.MseLoss(student.Features(some), teacher.Features(some)).Item() * some.Size(0);
            }
            return sum / pixels.Size(0);
        }
    }
}
