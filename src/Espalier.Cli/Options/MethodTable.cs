namespace Espalier.Cli.Options;

/// <summary>
/// Which options of a method belong to which methods. One that a method would not look at is refused, here and for every command alike, instead of
/// leaving its user to believe that it did something.
/// </summary>
internal static class MethodTable
{
    private static readonly string[] s_blocks = [MethodNames.DcVit, MethodNames.DropBlocks, MethodNames.Practise];
    private static readonly string[] s_finetuned = [.. s_blocks, MethodNames.Magnitude, MethodNames.Random, MethodNames.Fskd, MethodNames.CrossDistillation];
    private static readonly string[] s_fewShot = [MethodNames.Espalier, .. s_finetuned];

    private static readonly (string Option, Func<MethodSettings, bool> IsGiven, string[] Methods)[] s_rows =
    [
        ("--profile official", s => s.Profile != MethodSettings.Clean, [.. s_finetuned, MethodNames.Ofb]),
        ("--k", s => s.K is not null, s_blocks),
        ("--order", s => s.Order is not null || s.Choice is not null, s_blocks),
        ("--blocks", s => s.Blocks is not null, s_blocks),
        ("--keep", s => !s.Keep.IsEmpty, s_fewShot),
        ("--unit-choice", s => s.UnitChoice is not null, [MethodNames.DcVit]),
        // How all blocks are taken, and what dropping is called elsewhere, go with what drops anyway.
        ("--variant", s => s.Variant is "once" or "drop" or "cnn-drop", [MethodNames.DcVit, MethodNames.DropBlocks]),
        ("--variant", s => s.Variant is not (null or "once" or "drop" or "cnn-drop"), [MethodNames.DcVit]),
        ("--update", s => s.Update is not null, s_finetuned),
        ("--feature", s => s.Feature is not null, s_finetuned),
        ("--loss", s => s.Loss is not null, s_finetuned),
        ("--augment", s => s.Augment is not null, s_finetuned),
        ("--metric-set", s => s.MetricSet is not null, s_fewShot),
        ("--metric", s => s.Metric is not null, s_fewShot),
        ("--multiple-of", s => s.MultipleOf is > 1, [MethodNames.Espalier]),
        ("--merge-tokens", s => s.MergeTokens, [MethodNames.Espalier]),
        ("--like", s => s.Like is not null, [MethodNames.Espalier]),
        ("--lr", s => s.LearningRate is not null, s_fewShot),
        ("--samples", s => s.Samples is not null, s_fewShot),
        ("--rank-steps", s => s.RankSteps is not null, s_blocks),
        ("--synthesis-steps", s => s.SynthesisSteps is not null, s_fewShot),
    ];

    /// <summary>Refuses what the method does not know.</summary>
    /// <exception cref="UsageException">An option is given that belongs to other methods.</exception>
    public static MethodSettings Checked(this MethodSettings settings) =>
        s_rows.FirstOrDefault(row => row.IsGiven(settings) && !row.Methods.Contains(settings.Method)) is { Option: { } option, Methods: var methods }
            ? throw new UsageException($"{option} does not go with --method {settings.Method}; it belongs to {string.Join(", ", methods)}.") : settings;
}
