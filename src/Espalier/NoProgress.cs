using Espalier.Runs;

namespace Espalier;

/// <summary>For callers that do not ask.</summary>
internal sealed class NoProgress : IProgress<ProgressUpdate>
{
    public static readonly NoProgress Instance = new();

    public void Report(ProgressUpdate value)
    {
    }
}
