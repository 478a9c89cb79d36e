using System.Globalization;
using Espalier.Models.Formats;
using Espalier.Models.Formats.Safetensors;
using Espalier.Torch;

namespace Espalier.Training;

/// <summary>Where and how often a loop saves its state, so that a killed run goes on from there.</summary>
/// <param name="Path">The file; replaced whole at each save.</param>
/// <param name="Every">Time between saves.</param>
/// <param name="Time">The clock.</param>
public sealed record Checkpoint(string Path, TimeSpan Every, TimeProvider Time)
{
    private const string StepKey = "step", BatchesKey = "batches", SecondsKey = "seconds", GroupsKey = "group_steps", TaskKey = "task", CurveKey = "losses";

    /// <summary>Saves the state after <paramref name="step"/> steps.</summary>
    /// <param name="state">Tensors.</param>
    /// <param name="step">Steps taken.</param>
    /// <param name="groupSteps">Steps of each optimizer group, where they differ.</param>
    /// <param name="task">What the task must know besides tensors.</param>
    /// <param name="curve">The losses so far.</param>
    /// <param name="seconds">Time these steps took, in all sittings.</param>
    /// <param name="batches">Batches drawn, where they are more than the steps needed: some had no image that could be read.</param>
    /// <exception cref="FailureException">The file cannot be written.</exception>
    public void Save(IReadOnlyList<Tensor> state, long step, IReadOnlyList<long>? groupSteps = null, string? task = null, LossCurve? curve = null,
        double seconds = 0, long? batches = null)
    {
        var facts = new Dictionary<string, string> { [StepKey] = step.ToString(CultureInfo.InvariantCulture) };
        if (batches is { } drawn) facts[BatchesKey] = drawn.ToString(CultureInfo.InvariantCulture);
        if (seconds > 0) facts[SecondsKey] = seconds.ToString("R", CultureInfo.InvariantCulture);
        if (groupSteps is not null) facts[GroupsKey] = string.Join(' ', groupSteps);
        if (task is not null) facts[TaskKey] = task;
        if (curve is not null) facts[CurveKey] = curve.Snapshot();
        SafetensorsWriter.Write(Path, state.Select((tensor, k) => KeyValuePair.Create(Name(k), tensor)).ToTensorData(), facts);
    }

    /// <summary>The saved state and its step; null when nothing was saved yet. The tensors belong to the current scope.</summary>
    /// <exception cref="InputException">The file is damaged.</exception>
    public SavedState? Load()
    {
        if (!File.Exists(Path)) return null;
        using var file = SafetensorsFile.Open(Path);
        if (!file.Metadata.TryGetValue(StepKey, out var text) || !long.TryParse(text, CultureInfo.InvariantCulture, out var step))
            throw new InputException($"{Path} is not a checkpoint: it names no step. Delete it to start this part again.");
        var state = new List<Tensor>();
        for (var k = 0; k < file.Infos.Length; k++)
            state.Add(Tensor.From<float>(file.ReadFloats(Name(k)), file.Info(Name(k)).Shape.AsSpan()));
        var groups = file.Metadata.GetValueOrDefault(GroupsKey)?.Split(' ')
            .Select(s => long.TryParse(s, CultureInfo.InvariantCulture, out var n) ? n : throw new InputException($"{Path} is not a checkpoint: '{s}' is no number of steps."));
        return new SavedState(state, step, groups is null ? null : [.. groups], file.Metadata.GetValueOrDefault(TaskKey))
        {
            Curve = file.Metadata.GetValueOrDefault(CurveKey),
            Seconds = SecondsOf(file),
            Batches = long.TryParse(file.Metadata.GetValueOrDefault(BatchesKey), CultureInfo.InvariantCulture, out var batches) ? batches : null,
        };
    }

    /// <summary>Time the steps of the saved state took; 0 when nothing was saved yet.</summary>
    /// <exception cref="InputException">The file is damaged.</exception>
    public double Seconds()
    {
        if (!File.Exists(Path)) return 0;
        using var file = SafetensorsFile.Open(Path);
        return SecondsOf(file);
    }

    private static double SecondsOf(SafetensorsFile file) =>
        double.TryParse(file.Metadata.GetValueOrDefault(SecondsKey), NumberStyles.Float, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0;

    private static string Name(int k) => k.ToString("D5", CultureInfo.InvariantCulture);
}

/// <summary>What a checkpoint holds; see <see cref="Checkpoint.Save"/>.</summary>
public sealed record SavedState(IReadOnlyList<Tensor> State, long Step, IReadOnlyList<long>? GroupSteps, string? Task)
{
    /// <summary>See <see cref="LossCurve.Snapshot"/>.</summary>
    public string? Curve { get; init; }

    /// <summary>Time the steps took, in all sittings.</summary>
    public double Seconds { get; init; }

    /// <summary>Batches drawn; null: as many as the steps needed.</summary>
    public long? Batches { get; init; }
}
