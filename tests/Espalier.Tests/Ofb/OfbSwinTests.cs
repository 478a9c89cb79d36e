using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Tests.FewShot;

namespace Espalier.Tests.Ofb;

/// <summary>A whole search of a tiny Swin: a width for each of its stages.</summary>
public sealed class OfbSwinTests(StripesSwin stripes) : TorchTest, IClassFixture<StripesSwin>
{
    [Fact]
    public void A_searched_swin_meets_its_target_with_stages_of_any_width()
    {
        using var folder = new TemporaryFolder();
        var result = Run(folder);
        result.After.MacsFull.ShouldBeInRange((long)(0.97 * 0.6 * result.Before.MacsFull), (long)(0.6 * result.Before.MacsFull));
        result.Stages[^1].Top1!.Value.ShouldBeGreaterThan(0.6); // chance is 0.25
        using var model = ModelSource.Open(folder.Path).LoadVit();
        VitCost.Of(model.Architecture).ShouldBe(result.After);
        model.Architecture.Stages.ShouldBe([0, 2]);
        foreach (var (name, shape) in VitTensors.Expected(model.Architecture)) model.Weights[name].Shape.ShouldBe([.. shape], name);
    }

    [Fact]
    public void Parameters_are_no_target() =>
        Should.Throw<UsageException>(() => OfbPlan.Create(stripes.Source.Vit, new Target(TargetForm.Params, 1000))).Message.ShouldContain("state the target in MACs");

    private SearchResult Run(TemporaryFolder at)
    {
        var request = new SearchRequest
        {
            Model = stripes.Source,
            Target = new Target(TargetForm.KeepMacs, 0.6, CountConvention.Full),
            Data = stripes.Train,
            Eval = stripes.Test,
            HoldOut = 20,
            Options = new OfbOptions { Recipe = new OfbOptions().Recipe with { BatchSize = 30, LearningRate = 1e-3, RandomErasing = 0 } },
            Effort = new TrainingEffort(Epochs: 25),
            Seed = 1,
            Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
        };
        using var folder = RunFolder.Create(at.Path, new RunManifest { Command = "search", Arguments = [], WorkingDirectory = at.Path, Version = "test" }, force: true);
        var result = new OfbMethod(request, TimeProvider.System).Run(folder, new Progress<ProgressUpdate>(), default);
        folder.Complete();
        return result;
    }
}
