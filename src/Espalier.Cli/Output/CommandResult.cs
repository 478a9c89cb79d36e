using System.Text.Json.Serialization;
using Spectre.Console;

namespace Espalier.Cli.Output;

/// <summary>What a command found out. As JSON it is the record itself; for people it draws itself.</summary>
public abstract record CommandResult
{
    /// <summary>Writes the result for a person.</summary>
    public abstract void Write(IAnsiConsole console);
}

/// <summary>JSON of all results; generated code, because reflection would cost start-up time.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    WriteIndented = true)]
[JsonSerializable(typeof(InspectResult))]
[JsonSerializable(typeof(PlanResult))]
[JsonSerializable(typeof(SynthesizeResult))]
[JsonSerializable(typeof(RankResult))]
[JsonSerializable(typeof(CompressResult))]
[JsonSerializable(typeof(SweepCommandResult))]
[JsonSerializable(typeof(EvaluateResult))]
[JsonSerializable(typeof(PredictResult))]
[JsonSerializable(typeof(TrainResult))]
[JsonSerializable(typeof(BenchResult))]
[JsonSerializable(typeof(ExportResult))]
[JsonSerializable(typeof(ReportResult))]
[JsonSerializable(typeof(StudyResult))]
internal sealed partial class ResultJson : JsonSerializerContext;
