using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Ofb;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.Supervised;

/// <summary>
/// A time bounds all of a training, what is measured after it and the sittings before it. The clock is looked at once a step while steps are timed and
/// several times a step in earnest, so that every step takes some times what it was planned to.
/// </summary>
public sealed class TrainingClockTests(StripesModel stripes) : TorchTest, IClassFixture<StripesModel>
{
    private static readonly TimeSpan s_total = TimeSpan.FromSeconds(60), s_most = s_total * 1.1, s_look = TimeSpan.FromSeconds(0.1);
    private readonly SlowTime _time = new(s_look);

    // Looking at the images to evaluate on takes a tenth of the time.
    private ImageDataset Eval => new("slow", [.. stripes.Test.Items.Take(40).Select(i => new Slow(i, _time, s_total / 400))], classCount: 4);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_finetune_keeps_to_its_time(bool interrupted)
    {
        using var folder = new TemporaryFolder();
        var request = new SupervisedRequest
        {
            Model = stripes.Source, FromScratch = false, Data = stripes.Train, Eval = Eval, HoldOut = 20, Recipe = TrainRecipe.Finetuning with { BatchSize = 8 },
            Effort = new TrainingEffort(Time: s_total), Seed = 1, Compute = Compute,
        };
        SupervisedResult Train(RunFolder run, IProgress<ProgressUpdate> progress, CancellationToken cancellation) =>
            new SupervisedMethod(request, _time).Run(run, progress, cancellation);
        var (result, seconds) = interrupted ? InTwo(folder, "training", Train) : Run(folder, Train);
        seconds.ShouldBeInRange(0.7 * s_total.TotalSeconds, s_most.TotalSeconds);
        result.StoppedEarly.ShouldBeTrue();
        result.Steps.ShouldBeGreaterThan(10);
        result.Top1.ShouldNotBeNull();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_search_keeps_to_its_time_and_decides_all_sizes_within_it(bool interrupted)
    {
        using var folder = new TemporaryFolder();
        var request = new SearchRequest
        {
            Model = stripes.Source, Target = new Target(TargetForm.KeepMacs, 0.6, CountConvention.Full), Data = stripes.Train, Eval = Eval, HoldOut = 20,
            Options = new OfbOptions { Recipe = new OfbOptions().Recipe with { BatchSize = 8, RandomErasing = 0 } },
            Effort = new TrainingEffort(Time: s_total), Seed = 1, Compute = Compute,
        };
        SearchResult Search(RunFolder run, IProgress<ProgressUpdate> progress, CancellationToken cancellation) =>
            new OfbMethod(request, _time).Run(run, progress, cancellation);
        var (result, seconds) = interrupted ? InTwo(folder, "search and recovery", Search) : Run(folder, Search);
        seconds.ShouldBeInRange(0.7 * s_total.TotalSeconds, s_most.TotalSeconds);
        result.StoppedEarly.ShouldBeTrue();
        result.After.MacsFull.ShouldBeInRange((long)(0.97 * 0.6 * result.Before.MacsFull), (long)(0.6 * result.Before.MacsFull));
        result.Stages[0].Steps.ShouldBeLessThan(result.Stages[1].Steps);
        result.History[^1].Decided.ShouldBe(result.History[^1].Sizes.Length);
    }

    [Fact]
    public void Steps_that_are_given_are_taken_whatever_the_time()
    {
        using var folder = new TemporaryFolder();
        var request = new SupervisedRequest
        {
            Model = stripes.Source, FromScratch = false, Data = stripes.Train, Recipe = TrainRecipe.Finetuning with { BatchSize = 8 },
            Effort = new TrainingEffort(Steps: 7), Seed = 1, Compute = Compute,
        };
        var (result, _) = Run(folder, (run, progress, cancellation) => new SupervisedMethod(request, _time).Run(run, progress, cancellation));
        (result.Steps, result.StoppedEarly).ShouldBe((7L, false));
    }

    private static ComputeOptions Compute => new() { Threads = 1, Precision = Precision.Fp32 };

    private static (T Result, double Seconds) Run<T>(TemporaryFolder at, Func<RunFolder, IProgress<ProgressUpdate>, CancellationToken, T> work, bool resume = false)
    {
        var manifest = new RunManifest { Command = "train", Arguments = [], WorkingDirectory = at.Path, Version = "test" };
        using var folder = resume ? RunFolder.Open(at.Path) : RunFolder.Create(at.Path, manifest, force: true);
        var result = work(folder, new Listener(_ => { }), default);
        return (result, folder.State.Seconds);
    }

    // The first sitting ends after some steps.
    private static (T Result, double Seconds) InTwo<T>(TemporaryFolder at, string stage, Func<RunFolder, IProgress<ProgressUpdate>, CancellationToken, T> work)
    {
        using var stop = new CancellationTokenSource();
        var listener = new Listener(update =>
        {
            if (update.Stage == stage && update.Step == 8) stop.Cancel();
        });
        Should.Throw<OperationCanceledException>(() => Run(at, (folder, _, _) => work(folder, listener, stop.Token)));
        return Run(at, work, resume: true);
    }

    private sealed class Listener(Action<ProgressUpdate> report) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => report(value);
    }

    private sealed record Slow(ImageItem Item, SlowTime Time, TimeSpan Takes) : ImageItem(Item.Id, Item.Label)
    {
        public override ImageBuffer Load(int channels = 3)
        {
            Time.Advance(Takes);
            return Item.Load(channels);
        }
    }
}
