using System.Collections.Immutable;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Onnx;
using Espalier.Ofb;
using Espalier.OwnMethod;
using Espalier.Runs;
using Espalier.Supervised;

namespace Espalier;

/// <summary>
/// A model, and what can be done with it: one member for each task. It holds no tensors and needs no disposal; what computes loads the weights and frees
/// them. Long work is done on the calling thread: give it a thread of its own (<c>TaskCreationOptions.LongRunning</c>) where that must stay free.
/// </summary>
/// <param name="source">The model as its files describe it.</param>
public sealed class EspalierModel(ModelSource source)
{
    /// <summary>Opens a model folder, a weights file (<c>.safetensors</c>, <c>.pth</c>, <c>.pt</c>), <c>fashion-vit</c> or a timm name. No tensor is read yet.</summary>
    /// <exception cref="InputException">There is no such model, or it is incomplete, damaged or of a kind that is not read.</exception>
    public static EspalierModel Open(string model) => new(ModelSource.Open(model));

    /// <summary>The model as its files describe it.</summary>
    public ModelSource Source => source;

    /// <summary>All that fixes the computation besides the weights, the widths of every block included.</summary>
    public Architecture Architecture => source.Architecture;

    /// <summary>How images become its input.</summary>
    public Preprocessing Preprocessing => source.Preprocessing;

    /// <summary>Class names in label order; empty when unknown.</summary>
    public ImmutableArray<string> ClassNames => source.ClassNames;

    /// <summary>Parameters, and MACs of one image in both conventions.</summary>
    public Cost Cost => source.Architecture.Cost();

    /// <summary>Kind, widths and cost of each block, in order.</summary>
    public ImmutableArray<BlockFacts> Blocks => [.. source.Architecture.BlockFacts()];

    /// <summary>The weights in memory; the caller disposes of the result.</summary>
    /// <param name="compute">Where; the processor by default.</param>
    /// <param name="seed">For random weights, when the model is a name.</param>
    public Model Load(ComputeOptions? compute = null, ulong seed = 0)
    {
        (compute ??= new()).Apply();
        return source.Load(compute.Device, seed);
    }

    /// <summary>
    /// Everything a method could do for a target, and what it would; arithmetic alone, also on an architecture's name. A method that decides by images
    /// (<c>espalier</c>) tells where it starts from; compressing with 0 steps shows what it comes to.
    /// </summary>
    /// <param name="target">How small.</param>
    /// <param name="method">How; DC-ViT by default.</param>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    /// <exception cref="UsageException">The method does not know networks of this kind, or a switch does not suit it.</exception>
    public CompressionPlan Plan(Target target, CompressionMethod? method = null)
    {
        method ??= CompressionMethod.DcVit();
        var request = new FewShotRequest { Model = source, Target = target, Method = method.Name, Effort = new(), Seed = 0, Compute = new() };
        return method.Create(request, TimeProvider.System).Plan;
    }

    /// <summary>
    /// The widths that the method <c>espalier</c> would choose, searched and repaired on the images, and the KL it foresees; takes no gradient step and keeps
    /// nothing.
    /// </summary>
    /// <param name="options">What would be done.</param>
    /// <param name="progress">Told about each step.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="EspalierException">See its kinds; any other method is refused: <see cref="Plan"/> tells what it could do.</exception>
    public WidthsPlan PlanWidths(CompressOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        progress ??= NoProgress.Instance;
        var (request, host) = (options.Request(source), options.HostOf(null, "plan"));
        var method = Measured<EspalierMethod>(options, request, options.Latency(host, options.CacheFolder, progress, cancellation), "searches no widths; espalier does");
        var (structure, result) = RunOptions.RunInPassing(host, folder => method.Search(folder, progress, cancellation));
        return new WidthsPlan(method.Request.Target.Resolve(result.Before), structure, result.Search.Where(s => s.Fold == 0).Min(s => s.Kl));
    }

    /// <summary>What OFB could reach, and by which candidates; arithmetic alone.</summary>
    /// <param name="target">How small.</param>
    /// <param name="options">Switches of the search; the defaults when null.</param>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public OfbPlan PlanSearch(Target target, OfbOptions? options = null) => OfbPlan.Create(source.FoldLayerScale().Vit, target, options?.FixedEmbed ?? false);

    /// <summary>Makes the model smaller with few unlabelled images; leaves a model folder.</summary>
    /// <param name="output">The run folder; it can be opened as a model when the run is done.</param>
    /// <param name="options">What to do.</param>
    /// <param name="progress">Told about each step; <see cref="LoggerProgress"/> hands it to a logger.</param>
    /// <param name="cancellation">Stops between two steps; <see cref="ExistingRun.GoOn"/> continues there.</param>
    /// <exception cref="EspalierException">See its kinds; a target out of reach is found before anything is written.</exception>
    public FewShotResult Compress(string output, CompressOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        progress ??= NoProgress.Instance;
        var (request, host) = (options.Request(source), options.HostOf(output, "compress"));
        host.Check(request.Reads);
        var latency = options.Latency(host, options.CacheFolder, progress, cancellation);
        var method = Measured<IFewShotMethod>(options, request, latency);
        Warn(method.Plan.Warnings, progress);
        return options.Run(host, output, method.Request.Reads, folder =>
        {
            LatencyTarget.Remember(method.Request.Target, folder);
            return method.Compress(folder, progress, cancellation);
        }, (result, folder) => FewShotReport.Of(method, result, folder) with
        {
            LatencyKept = latency.Achieved(method.Request.Target, method.Request.Model, folder.Result, method.Request.Effort.Time),
        });
    }

    /// <summary>How well the network recovers from compressing each candidate block alone, of the methods that rank blocks.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">A run folder to keep it in; null keeps nothing.</param>
    /// <param name="progress">Told about each step.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    /// <exception cref="EspalierException">See its kinds; a method that ranks no blocks is refused.</exception>
    public FewShotResult Rank(CompressOptions options, string? output = null, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        progress ??= NoProgress.Instance;
        var (request, host) = (options.Request(source), options.HostOf(output, "rank"));
        if (output is not null) host.Check(request.Reads);
        var method = Measured<IRankingMethod>(options, request, options.Latency(host, options.CacheFolder, progress, cancellation),
            "cuts every block a little and ranks none; dc-vit, drop-blocks and practise do");
        Warn(method.Plan.Warnings, progress);
        if (output is null) return RunOptions.RunInPassing(host, folder => method.Rank(folder, progress, cancellation));
        return options.Run(host, output, method.Request.Reads, folder =>
        {
            LatencyTarget.Remember(method.Request.Target, folder);
            return method.Rank(folder, progress, cancellation);
        }, (result, folder) => FewShotReport.Of(method, result, folder));
    }

    /// <summary>A whole family of sizes in one run of the method <c>espalier</c>; leaves one model folder for each under <c>models/</c>.</summary>
    /// <inheritdoc cref="Compress"/>
    public SweepResult Sweep(string output, SweepOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        var sweep = new SweepMethod(options.Request(source), options.Espalier, options.Targets, options.Clock)
        {
            StepsOfEach = options.StepsOfEach, RoundsOfEach = options.RoundsOfEach,
        };
        return options.Run(options.HostOf(output, "sweep"), output, sweep.Request.Reads,
            folder => sweep.Run(folder, progress ?? NoProgress.Instance, cancellation),
            (result, folder) => SweepReport.Of(sweep, result, folder));
    }

    /// <summary>OFB: searches sizes and trains on labelled images, for epochs; leaves a model folder.</summary>
    /// <inheritdoc cref="Compress"/>
    public SearchResult Search(string output, SearchOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        progress ??= NoProgress.Instance;
        var (request, host) = (options.Request(source), options.HostOf(output, "search"));
        host.Check(request.Reads);
        var latency = options.Latency(host, options.CacheFolder, progress, cancellation);
        var method = new OfbMethod(request with
        {
            Target = latency.Measured(request.Target, request.Model, target => new OfbMethod(request with { Target = target }, options.Clock).Plan.Example),
        }, options.Clock);
        Warn(method.Plan.Warnings, progress);
        return options.Run(host, output, request.Reads, folder =>
        {
            LatencyTarget.Remember(method.Request.Target, folder);
            return method.Run(folder, progress, cancellation);
        }, (result, folder) => OfbReport.Of(method, result, folder) with
        {
            LatencyKept = latency.Achieved(method.Request.Target, request.Model, folder.Result, request.Effort.Time),
        });
    }

    /// <summary>
    /// Ordinary supervised training: of the model's weights, or of fresh ones when it is a name; another class count replaces the head. Leaves a model
    /// folder.
    /// </summary>
    /// <inheritdoc cref="Compress"/>
    public SupervisedResult Train(string output, TrainOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        var request = options.Request(source);
        var method = new SupervisedMethod(request, options.Clock);
        return options.Run(options.HostOf(output, request.Method), output, request.Reads,
            folder => method.Run(folder, progress ?? NoProgress.Instance, cancellation),
            (result, folder) => SupervisedReport.Of(request, result, folder));
    }

    /// <summary>Draws images out of the model, class by class: PNG files to look at, and the exact tensor as <c>metric-set.safetensors</c>.</summary>
    /// <inheritdoc cref="Compress"/>
    public SynthesisResult Synthesize(string output, SynthesizeOptions options, IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellation = default)
    {
        var method = new SynthesisMethod(options.Request(source), options.Clock);
        return options.Run(options.HostOf(output, "synthesize"), output, source.Files,
            folder => method.Run(folder, progress ?? NoProgress.Instance, cancellation), (_, _) => null);
    }

    /// <summary>Accuracy on labelled images.</summary>
    /// <param name="data">Labelled images.</param>
    /// <param name="compute">Where and how; the processor by default.</param>
    /// <param name="batch">Images per forward pass; as suits their size by default.</param>
    /// <param name="progress">Told how many images are done.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InputException">Labels are missing, or one lies outside the model's classes.</exception>
    public EvaluationResult Evaluate(ImageDataset data, ComputeOptions? compute = null, int? batch = null, IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellation = default)
    {
        using var model = Load(compute);
        return Evaluator(model, data, "evaluating", compute, progress, batch).Score(model, data, cancellation);
    }

    /// <summary>Against the model it was made from, image by image: sharper than two accuracies.</summary>
    /// <param name="reference">The other model.</param>
    /// <param name="data">Labelled images.</param>
    /// <param name="compute">Where and how; the processor by default.</param>
    /// <param name="batch">Images per forward pass; as suits their size by default.</param>
    /// <param name="progress">Told how many images are done.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <exception cref="InputException">Labels are missing, or one lies outside the model's classes; the models know different ones.</exception>
    public ComparisonResult Compare(EspalierModel reference, ImageDataset data, ComputeOptions? compute = null, int? batch = null, IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellation = default)
    {
        using var model = Load(compute);
        using var other = reference.Load(compute);
        return new ModelComparison(Evaluator(other, data, "comparing", compute, progress, batch)).Compare(model, other, data, cancellation);
    }

    /// <summary>The likeliest classes of each image, up to five, in the order of the images. For one image at a time see <see cref="Classifier"/>.</summary>
    /// <exception cref="InputException">The model has no head.</exception>
    /// <inheritdoc cref="Evaluate"/>
    public ImmutableArray<(ImageItem Image, ImmutableArray<Classification> Classes)> Predict(ImageDataset data, ComputeOptions? compute = null,
        int? batch = null, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        if (Architecture.Classes == 0) throw new InputException($"{source.Model} has no head: there are no classes to predict; finetune it on labelled images first.");
        using var model = Load(compute);
        var images = ImmutableArray.CreateBuilder<(ImageItem, ImmutableArray<Classification>)>(data.Count);
        // Every process needs all of the answers.
        Evaluator(model, data, "predicting", compute is null ? null : compute with { Group = null }, progress, batch).Predict(model, data, (image, classes) => images.Add((image,
            [.. classes.Select(c => new Classification(c.Class, ClassNames.IsEmpty ? null : ClassNames[c.Class], c.Probability))])), cancellation);
        return images.DrainToImmutable();
    }

    /// <summary>Latency and throughput; weights do not matter for that.</summary>
    /// <param name="against">A second model, run in turn with this one; gives the speedup.</param>
    /// <param name="batch">Images at a time.</param>
    /// <param name="runs">Runs to measure.</param>
    /// <param name="compute">Where and how; the processor by default.</param>
    /// <param name="seed">Of the input, and of random weights.</param>
    /// <param name="progress">Told how many runs are done.</param>
    /// <param name="cancellation">Stops between two runs.</param>
    public LatencyResult Bench(EspalierModel? against = null, int batch = 1, int runs = 50, ComputeOptions? compute = null, ulong seed = 0,
        IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        using var model = Load(compute, seed);
        using var rival = against?.Load(compute, seed);
        ProgressMeter? meter = null;
        return new LatencyBench(TimeProvider.System)
        {
            Batch = batch,
            Runs = runs,
            Bf16 = compute?.EvaluatesInBf16 ?? false,
            Seed = seed,
            OnProgress = (done, total) => (meter ??= new ProgressMeter(progress ?? NoProgress.Instance, TimeProvider.System, "measuring", total, "runs")).Report(done),
        }.Measure(model, rival, cancellation);
    }

    /// <summary>Writes the model as an ONNX file, which is run and compared with the model before it appears; replaces a file of that name.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How.</param>
    /// <param name="engines">What runs it besides Espalier's own interpreter.</param>
    /// <param name="compute">With how many threads; it is computed on the processor, wherever else the model could be.</param>
    /// <param name="cancellation">Stops before the file appears.</param>
    /// <exception cref="VerificationException">The written file computes something else; it is not kept.</exception>
    public WrittenOnnx Export(string path, OnnxOptions? options = null, IReadOnlyList<IOnnxEngine>? engines = null,
        ComputeOptions? compute = null, CancellationToken cancellation = default)
    {
        (compute ?? new()).Apply();
        using var model = source.Load();
        return OnnxFile.Write(path, model, (options ?? new()) with
        {
            Provenance = options?.Provenance ?? source.Provenance,
            ClassNames = options is { ClassNames.IsEmpty: false } ? options.ClassNames : source.ClassNames,
            SourceHash = options?.SourceHash ?? source.SourceHash,
        }, engines, cancellation);
    }

    /// <summary>A method bound to a request whose target, should it be a share of the latency, was measured for the structures the method begins with.</summary>
    // A method of another kind is refused before structures of it are timed.
    private static T Measured<T>(CompressOptions options, FewShotRequest request, LatencyTarget latency, string otherwise = "") where T : class, IFewShotMethod
    {
        T Of(Target target) => options.Method.Create(request with { Target = target }, options.Clock) as T
            ?? throw new UsageException($"{options.Method.Name} {otherwise}.") { Settings = [nameof(options.Method)] };
        return Of(latency.Measured(request.Target, request.Model, target => Of(target).Plan.Example));
    }

    private static void Warn(IEnumerable<string> warnings, IProgress<ProgressUpdate> progress)
    {
        foreach (var warning in warnings) progress.Report(ProgressUpdate.Message("plan", warning));
    }

    private static Evaluator Evaluator(Model model, ImageDataset data, string stage, ComputeOptions? compute, IProgress<ProgressUpdate>? progress, int? batch)
    {
        var meter = new ProgressMeter(progress ?? NoProgress.Instance, TimeProvider.System, stage, data.Count, "images");
        meter.Report(0);
        return Evaluation.Evaluator.For(model, compute ?? new(), TimeProvider.System, (done, _) => meter.Report(done), batch);
    }
}
