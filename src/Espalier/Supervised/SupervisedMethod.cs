using System.Text.Json;
using System.Text.Json.Serialization;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.Supervised;

/// <summary>Supervised training, as resumable steps of a run: train, then finish.</summary>
public sealed class SupervisedMethod
{
    internal static readonly JsonSerializerOptions RecipeJson = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };
    private const string ResultFile = "trained.safetensors";
    private readonly SupervisedRequest _request;
    private readonly SupervisedRun _run;
    private readonly List<string> _notes = [];

    /// <param name="request">What is asked.</param>
    /// <param name="time">The clock.</param>
    /// <inheritdoc cref="TrainingRequest.Check" path="/exception"/>
    public SupervisedMethod(SupervisedRequest request, TimeProvider time)
    {
        _request = request.Checked();
        _run = new SupervisedRun(request, request.Recipe, time)
        {
            StepName = "train", Activity = "training", Begin = Begin, Finish = Finish, Measuring = Measuring,
        };
    }

    /// <summary>What is asked.</summary>
    public SupervisedRequest Request => _request;

    /// <summary>Trains and leaves a model folder in the run folder.</summary>
    public SupervisedResult Run(RunFolder folder, IProgress<ProgressUpdate> progress, CancellationToken cancellation)
    {
        _run.Execute(folder, progress, cancellation);
        var finished = SupervisedRun.Read<FinishRecord>(folder);
        var ((steps, planned), losses, skipped) = _run.Outcome(folder);
        return new SupervisedResult(steps, (double)steps * _request.Recipe.BatchSize / _request.Split().Train.Count, losses.Count > 0 ? losses[^1].Loss : double.NaN)
        {
            Top1 = finished.Top1,
            Top5 = finished.Top5,
            HoldOutTop1 = finished.HoldOutTop1,
            SkippedImages = skipped,
            StoppedEarly = steps < planned,
            Losses = losses,
            Notes = finished.Notes,
        };
    }

    private Trainee Begin(long steps, int batchesPerEpoch, StepContext? context)
    {
        var (model, recipe) = (Start(), _request.Recipe);
        var task = new SupervisedTask(model, recipe.Mixing(), recipe.DropPath, _request.Seed) { LayerDecay = recipe.LayerDecay };
        return new Trainee(model, task, recipe.Options(steps, batchesPerEpoch, _request.Compute))
        {
            Save = folder => ModelFile.Write(Path.Combine(folder, ResultFile), model),
        };
    }

    private void Finish(StepContext context, string trained, long steps)
    {
        using var model = Start();
        using (var weights = ModelFile.ReadFile(Path.Combine(trained, ResultFile), model.Architecture)) model.Weights.CopyFrom(weights);
        var aside = _request.Split().Aside is { } heldOut ? _run.Evaluator(model).Score(model, heldOut, context.Cancellation) : null;
        var eval = _run.Score(model, context.Cancellation);
        SupervisedRun.Write(context, new FinishRecord(eval?.Top1, eval?.Top5, aside?.Top1, [.. _notes]));
        var provenance = _run.Provenance(_request.Method, _request.FromScratch ? null : _request.Model.SourceHash, steps);
        provenance["recipe"] = JsonSerializer.SerializeToNode(_request.Recipe, RecipeJson);
        ModelFolder.Write(context.Run.ResultFolder, model, provenance, _request.Data.ClassNames);
    }

    private (double During, double After) Measuring(CancellationToken cancellation)
    {
        using var probe = Start();
        var (eval, aside) = _run.Measure(probe, cancellation);
        return (0, aside + eval);
    }

    private Model Start()
    {
        var architecture = _request.Model.Architecture;
        if (_request.FromScratch)
        {
            var fresh = (architecture with { Classes = _request.Data.ClassCount }).Random(_request.Model.Preprocessing, _request.Seed);
            if (_request.Compute.Device == "cpu") return fresh;
            using (fresh) return fresh.To(_request.Compute.Device);
        }
        var model = _request.Model.Load(_request.Compute.Device, _request.Seed);
        if (architecture.Classes == _request.Data.ClassCount) return model;
        var note = $"The data has {_request.Data.ClassCount} classes, the model {architecture.Classes}: its head was replaced by a fresh one.";
        if (!_notes.Contains(note)) _notes.Add(note);
        using (model) return model.ReplaceHead(_request.Data.ClassCount, _request.Seed);
    }

    private sealed record FinishRecord(double? Top1, double? Top5, double? HoldOutTop1, string[] Notes);
}
