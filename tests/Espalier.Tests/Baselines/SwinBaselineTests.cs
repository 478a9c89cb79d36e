using Espalier.Baselines;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.DcVit;
using Espalier.FewShot;
using Espalier.Finetuning;
using Espalier.MetricSets;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Testing;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.Baselines;

/// <summary>The baselines where width grows from stage to stage and blocks differ in cost.</summary>
[Collection(TorchCollection.Name)]
public sealed class SwinBaselineTests(StripesSwin toy) : IClassFixture<StripesSwin>, IDisposable
{
    private readonly FewShotRuns _runs = new();

    public void Dispose() => _runs.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void New_adaptors_change_nothing_in_any_stage(int dropped)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var teacher = (VitModel)toy.Source.Load();
        using var student = teacher.DropBlock(dropped);
        using var adaptors = new Adaptors(student, dropped);
        adaptors.Parameters.Count.ShouldBe(2 * 5);
        using var folded = adaptors.Fold(student);
        TorchRuntime.Seed(3);
        var pixels = Tensor.RandN([3, 1, 16, 16]);
        folded.Logits(pixels).BitEquals(student.Logits(pixels)).ShouldBeTrue();
    }

    [Theory]
    [InlineData("practise")]
    [InlineData("magnitude")]
    public void Targets_are_met(string name)
    {
        var before = Tensor.LiveCount;
        var request = new FewShotRequest
        {
            Model = toy.Source,
            Target = new Target(TargetForm.KeepMacs, 0.7),
            Method = name,
            Images = toy.Train,
            Count = 30,
            MetricSet = new MetricSetOptions { Source = MetricSetOptions.TrainingImages, MaxImages = 8 },
            Effort = new FewShotEffort { Steps = 3 },
            Seed = 7,
            Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
        };
        var finetune = new FinetuneOptions { BatchSize = 16, LearningRate = 1e-3, Update = UpdateRange.All };
        IFewShotMethod method = name == "practise" ? new DcVitMethod(request, Practise.Options(new() { Finetune = finetune }, MetricKind.Kl), TimeProvider.System)
            : new EvenWidthsMethod(request, UnitRule.Magnitude, finetune, keep: [], TimeProvider.System);
        var result = _runs.Compress("a", method);
        var written = ModelSource.Open(_runs.PathOf("a")).Vit;
        VitCost.Of(written).ShouldBe(result.After);
        ((double)result.After.MacsBudget).ShouldBeLessThanOrEqualTo(0.7 * result.Before.MacsBudget * (1 + 1e-8));
        Tensor.LiveCount.ShouldBe(before);
        if (name == "practise") result.Ranking.Select(r => r.Metric).ShouldBeInOrder();
        else written.Blocks.ShouldAllBe(b => b.QkDim == b.VDim && b.QkDim < 8);
    }
}
