using System.Collections.Immutable;
using Espalier.Reports;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>Result of <c>synthesize</c>.</summary>
public sealed record SynthesizeResult(string Output, int Count, long Steps, double Loss, double Seconds) : CommandResult
{
    public override void Write(IAnsiConsole console) =>
        console.WriteText($"{Count} synthetic images after {Steps} steps, loss {Tables.Number(Loss)}. Written to {Output}");
}

/// <summary>Result of <c>rank</c>: ascending, best block first.</summary>
public sealed record RankResult(ImmutableArray<ReportRank> Blocks) : CommandResult
{
    /// <summary>The run folder, when one was asked for.</summary>
    public string? Output { get; init; }

    public override void Write(IAnsiConsole console)
    {
        var measured = Blocks.Any(b => b.TrainingKl is not null);
        console.WriteTable(
            ["block", "metric (lower recovers better)", .. measured ? ["KL on the training images", "KL on others", "top-1"] : Array.Empty<string>()],
            Blocks.Select(b => (IReadOnlyList<string>)
            [
                $"{b.Index}", Tables.Number(b.Metric),
                .. measured ? [Tables.Number(b.TrainingKl ?? double.NaN), b.HeldOutKl is { } kl ? Tables.Number(kl) : "–", b.Top1 is { } top1 ? Tables.Percent(top1) : "–"]
                    : Array.Empty<string>(),
            ]));
        if (Output is not null) console.WriteText($"Written to {Output}");
    }
}

/// <summary>Result of <c>evaluate</c>; accuracies are fractions.</summary>
public sealed record EvaluateResult(double Top1, double Top5, int Count, double ImagesPerSecond) : CommandResult
{
    /// <summary>Against another model, when one was given.</summary>
    public EvaluateComparison? Against { get; init; }

    public override void Write(IAnsiConsole console)
    {
        console.WriteText($"top-1 {Tables.Percent(Top1)}, top-5 {Tables.Percent(Top5)} on {Count} images ({ImagesPerSecond:0.#} images/s)");
        if (Against is { } other)
            console.WriteText($"same likeliest class {Tables.Percent(other.Agreement)}, KL {Tables.Number(other.Kl)}, "
                + $"top-1 {100 * other.Top1Difference:+0.0;−0.0;0.0} points (± {100 * other.Top1Margin:0.0}, 95 %, paired)");
    }
}

/// <summary>How alike two models answer; the difference and its margin are fractions.</summary>
public sealed record EvaluateComparison(double Agreement, double Kl, double Top1Difference, double Top1Margin);

/// <summary>Result of <c>predict</c>.</summary>
public sealed record PredictResult(ImmutableArray<ImagePrediction> Images) : CommandResult
{
    public override void Write(IAnsiConsole console)
    {
        foreach (var image in Images)
            console.WriteText($"{image.Path}: {string.Join(", ", image.Classes.Select(c => $"{c.Name ?? $"class {c.Index}"} {Tables.Percent(c.Probability)}"))}");
    }
}

/// <summary>The likeliest classes of one image, best first.</summary>
public sealed record ImagePrediction(string Path, ImmutableArray<ClassProbability> Classes);

/// <summary>One class of a prediction; the name is null when the model knows none.</summary>
public sealed record ClassProbability(int Index, string? Name, double Probability);

/// <summary>Result of <c>train</c> and <c>finetune</c>.</summary>
public sealed record TrainResult(string Output, long Steps, double Epochs, double Loss, double Seconds) : CommandResult
{
    public double? Top1 { get; init; }

    public double? Top5 { get; init; }

    /// <summary>Accuracy on training images kept aside, with <c>--hold-out</c>.</summary>
    public double? HoldOutTop1 { get; init; }

    public override void Write(IAnsiConsole console) => console.WriteText(
        $"{Steps} steps ({Tables.Number(Epochs)} epochs) in {Seconds:0} s, loss {Tables.Number(Loss)}"
        + (Top1 is { } top1 ? $", top-1 {Tables.Percent(top1)}" : "")
        + (HoldOutTop1 is { } held ? $", top-1 {Tables.Percent(held)} on the images kept aside" : "") + $". Written to {Output}");
}

/// <summary>Result of <c>report</c>.</summary>
public sealed record ReportResult(string Output, int Runs) : CommandResult
{
    public override void Write(IAnsiConsole console) => console.WriteText($"Written to {Output}");
}
