using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Ofb;
using Espalier.Runs;
using Espalier.Supervised;
using Espalier.Tests.FewShot;
using Espalier.Torch;

namespace Espalier.Tests.Ofb;

/// <summary>Whole searches of a tiny network that knows its task.</summary>
public sealed class OfbMethodTests(StripesModel stripes) : TorchTest, IClassFixture<StripesModel>
{
    [Theory]
    [InlineData(Precision.Fp32)]
    [InlineData(Precision.Bf16)]
    public void A_searched_network_meets_its_target_and_still_knows_its_task(Precision precision)
    {
        using var folder = new TemporaryFolder();
        var request = Request(new TrainingEffort(Epochs: 30)) with { Compute = new ComputeOptions { Threads = 1, Precision = precision } };
        var result = Run(request, folder, CancellationToken.None);
        result.After.MacsFull.ShouldBeInRange((long)(0.97 * 0.6 * result.Before.MacsFull), (long)(0.6 * result.Before.MacsFull));
        result.Stages.Select(s => s.Stage).ShouldBe(["cut", "finetuned"]);
        result.Stages.ShouldAllBe(s => double.IsFinite(s.Metric));
        result.Top1Before!.Value.ShouldBeGreaterThan(0.95);
        result.Stages[^1].Top1!.Value.ShouldBeGreaterThan(0.7); // chance is 0.25
        var written = ModelSource.Open(folder.Path);
        written.Architecture.Cost().ShouldBe(result.After);
        using var model = written.LoadVit();
        new Evaluator(TimeProvider.System).Score(model, stripes.Test).Top1.ShouldBe(result.Stages[^1].Top1!.Value, 0.02);
    }

    [Fact]
    public void A_search_stopped_after_a_cut_goes_on_to_the_same_result()
    {
        using var whole = new TemporaryFolder();
        Run(Request(new TrainingEffort(Steps: 40)), whole, CancellationToken.None);
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var request = Request(new TrainingEffort(Steps: 40)) with { TellWidths = true };
        Should.Throw<OperationCanceledException>(() => Run(request, folder, stop.Token, update =>
        {
            if (update.Note?.StartsWith("width") == true) stop.Cancel();
        }));
        using (var saved = Models.Formats.Safetensors.SafetensorsFile.Open(Path.Combine(folder.Path, "steps", "search", "checkpoint.safetensors")))
            saved.Metadata["task"].ShouldContain("Tables");
        Run(request, folder, CancellationToken.None, resume: true);
        foreach (var file in new[] { "model.safetensors", "config.json" })
            File.ReadAllBytes(Path.Combine(folder.Path, file)).ShouldBe(File.ReadAllBytes(Path.Combine(whole.Path, file)), file);
    }

    [Fact]
    public void A_target_in_parameters_is_met_in_parameters()
    {
        using var folder = new TemporaryFolder();
        var request = Request(new TrainingEffort(Steps: 12));
        var parameters = VitCost.Of(stripes.Source.Vit).Parameters;
        var result = Run(request with { Target = new Target(TargetForm.Params, 0.4 * parameters) }, folder, CancellationToken.None);
        ((double)result.After.Parameters).ShouldBeInRange(0.97 * 0.4 * parameters, 0.4 * parameters);
    }

    [Fact]
    public void A_bound_on_time_fixes_the_steps()
    {
        using var folder = new TemporaryFolder();
        Run(Request(new TrainingEffort(Time: TimeSpan.FromSeconds(3))), folder, CancellationToken.None).Steps.ShouldBeInRange(1, 10_000);
    }

    [Fact]
    public void A_search_that_the_clock_ended_is_none_that_a_number_of_steps_repeats()
    {
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var clock = new JumpingTime();
        var mark = Path.Combine(folder.Path, "steps", "search", "late.json");
        // Far beyond the search's share of the time, and well within all of it.
        Should.Throw<OperationCanceledException>(() => Run(Request(new TrainingEffort(Time: TimeSpan.FromMinutes(10))), folder, stop.Token, update =>
        {
            if (update is { Total: > 0, Step: 3 }) clock.Jump(TimeSpan.FromMinutes(6));
            if (update is { Total: > 0, Step: >= 10 }) stop.Cancel();
        }, time: clock));
        File.Exists(mark).ShouldBeTrue();

        using var fixedSteps = new TemporaryFolder();
        using var stopAgain = new CancellationTokenSource();
        var request = Request(new TrainingEffort(Steps: 20));
        Run(request, fixedSteps, CancellationToken.None).StoppedEarly.ShouldBeFalse();
        Should.Throw<OperationCanceledException>(() => Run(request, fixedSteps, stopAgain.Token, update =>
        {
            if (update is { Total: > 0, Step: >= 3 }) stopAgain.Cancel();
        }));
        File.Copy(mark, Path.Combine(fixedSteps.Path, "steps", "search", "late.json"));
        Run(request, fixedSteps, CancellationToken.None, resume: true).StoppedEarly.ShouldBeTrue();
    }

    [Fact]
    public void Sizes_by_importance_need_the_guard() =>
        Should.Throw<UsageException>(() => (new OfbOptions() with { SizesByImportance = true, Guarded = false }).Validate()).Message.ShouldContain("without the guard");

    private SearchRequest Request(TrainingEffort effort) => new()
    {
        Model = stripes.Source,
        Target = new Target(TargetForm.KeepMacs, 0.6, CountConvention.Full),
        Data = stripes.Train,
        Eval = stripes.Test,
        HoldOut = 20,
        Options = new OfbOptions { Recipe = new OfbOptions().Recipe with { BatchSize = 30, LearningRate = 1e-3, RandomErasing = 0 } },
        Effort = effort,
        Seed = 1,
        Compute = new ComputeOptions { Threads = 1, Precision = Precision.Fp32 },
    };

    private static SearchResult Run(SearchRequest request, TemporaryFolder at, CancellationToken cancellation, Action<ProgressUpdate>? onProgress = null, bool resume = false,
        TimeProvider? time = null)
    {
        var manifest = new RunManifest { Command = "search", Arguments = [], WorkingDirectory = at.Path, Version = "test" };
        using var folder = resume ? RunFolder.Open(at.Path) : RunFolder.Create(at.Path, manifest, force: true);
        var result = new OfbMethod(request, time ?? TimeProvider.System).Run(folder, new Progress(onProgress), cancellation);
        folder.Complete();
        return result;
    }

    // Goes on by a tenth of a second when it is read, and by more when it is told to.
    private sealed class JumpingTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Add(ref _ticks, TimeSpan.TicksPerSecond / 10);

        public void Jump(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);
    }

    private sealed class Progress(Action<ProgressUpdate>? onProgress) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) => onProgress?.Invoke(value);
    }
}
