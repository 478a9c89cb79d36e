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

    /// <summary>What OFB could reach, and by which candidates; arithmetic alone.</summary>
    /// <exception cref="BudgetException">The target cannot be met; the message gives the reachable range.</exception>
    public OfbPlan PlanSearch(Target target) => OfbPlan.Create(source.FoldLayerScale().Vit, target);

    /// <summary>Makes the model smaller with few unlabelled images; leaves a model folder.</summary>
    /// <param name="output">The run folder; it can be opened as a model when the run is done.</param>
    /// <param name="options">What to do.</param>
    /// <param name="progress">Told about each step; <see cref="LoggerProgress"/> hands it to a logger.</param>
    /// <param name="cancellation">Stops between two steps; <see cref="ExistingRun.GoOn"/> continues there.</param>
    /// <exception cref="EspalierException">See its kinds; a target out of reach is found before anything is written.</exception>
    public FewShotResult Compress(string output, CompressOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        var method = options.Method.Create(options.Request(source), options.Clock);
        progress ??= NoProgress.Instance;
        foreach (var warning in method.Plan.Warnings) progress.Report(ProgressUpdate.Message("plan", warning));
        return options.Run(output, "compress", method.Request.Reads, folder => method.Compress(folder, progress, cancellation),
            (result, folder) => FewShotReport.Of(method, result, folder));
    }

    /// <summary>A whole family of sizes in one run of the method <c>espalier</c>; leaves one model folder for each under <c>models/</c>.</summary>
    /// <inheritdoc cref="Compress"/>
    public SweepResult Sweep(string output, SweepOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        var sweep = new SweepMethod(options.Request(source), options.Espalier, options.Targets, options.Clock);
        return options.Run(output, "sweep", sweep.Request.Reads, folder => sweep.Run(folder, progress ?? NoProgress.Instance, cancellation),
            (result, folder) => SweepReport.Of(sweep, result, folder));
    }

    /// <summary>OFB: searches sizes and trains on labelled images, for epochs; leaves a model folder.</summary>
    /// <inheritdoc cref="Compress"/>
    public SearchResult Search(string output, SearchOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        var method = new OfbMethod(options.Request(source), options.Clock);
        return options.Run(output, "search", method.Request.Reads, folder => method.Run(folder, progress ?? NoProgress.Instance, cancellation),
            (result, folder) => OfbReport.Of(method, result, folder));
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
        return options.Run(output, request.FromScratch ? "train" : "finetune", request.Reads,
            folder => method.Run(folder, progress ?? NoProgress.Instance, cancellation),
            (result, folder) => SupervisedReport.Of(request, result, folder));
    }

    /// <summary>Draws images out of the model, class by class: PNG files to look at, and the exact tensor as <c>metric-set.safetensors</c>.</summary>
    /// <inheritdoc cref="Compress"/>
    public SynthesisResult Synthesize(string output, SynthesizeOptions options, IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellation = default)
    {
        var method = new SynthesisMethod(options.Request(source), options.Clock);
        return options.Run(output, "synthesize", source.Files, folder => method.Run(folder, progress ?? NoProgress.Instance, cancellation), report: null);
    }

    /// <summary>Accuracy on labelled images.</summary>
    /// <exception cref="InputException">Labels are missing, or one lies outside the model's classes.</exception>
    public EvaluationResult Evaluate(ImageDataset data, ComputeOptions? compute = null, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellation = default)
    {
        using var model = Load(compute);
        var meter = new ProgressMeter(progress ?? NoProgress.Instance, TimeProvider.System, "evaluating", data.Count, "images");
        return Evaluator.For(model, compute ?? new(), TimeProvider.System, (done, _) => meter.Report(done)).Score(model, data, cancellation);
    }

    /// <summary>Writes the model as an ONNX file, which is run and compared with the model before it appears; replaces a file of that name.</summary>
    /// <exception cref="VerificationException">The written file computes something else; it is not kept.</exception>
    public WrittenOnnx Export(string path, OnnxOptions? options = null, CancellationToken cancellation = default)
    {
        using var model = Load();
        return OnnxFile.Write(path, model, (options ?? new()) with
        {
            Provenance = options?.Provenance ?? source.Provenance,
            ClassNames = options is { ClassNames.IsEmpty: false } ? options.ClassNames : source.ClassNames,
            SourceHash = options?.SourceHash ?? source.SourceHash,
        }, cancellation: cancellation);
    }
}
