namespace Espalier.Runs;

/// <summary>One line of progress. The same stream serves bars, plain lines and tests.</summary>
/// <param name="Stage">What is going on, in a few words: <c>ranking block 3</c>.</param>
/// <param name="Step">Steps done so far.</param>
/// <param name="Total">Steps in all; 0 when unknown.</param>
/// <param name="Loss">Latest loss, where there is one.</param>
/// <param name="Rate"><paramref name="Unit"/> per second.</param>
/// <param name="Unit">What the rate counts: <c>images</c>, <c>steps</c>.</param>
/// <param name="Left">Estimated time left in this stage.</param>
/// <param name="Status">How things stand, in a few words; it changes from update to update.</param>
/// <param name="Note">Anything a reader should know once: a cache that was used, a head that was replaced.</param>
public sealed record ProgressUpdate(
    string Stage,
    long Step,
    long Total,
    double? Loss = null,
    double? Rate = null,
    string? Unit = null,
    TimeSpan? Left = null,
    string? Note = null,
    string? Status = null)
{
    /// <summary>A message without a step count.</summary>
    public static ProgressUpdate Message(string stage, string note) => new(stage, 0, 0, Note: note);

    /// <summary>True when the stage has done all its steps.</summary>
    public bool IsComplete => Total > 0 && Step >= Total;
}
