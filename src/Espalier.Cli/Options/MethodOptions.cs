using System.Collections.Immutable;
using System.CommandLine;
using System.Text.RegularExpressions;

namespace Espalier.Cli.Options;

/// <summary>A compression method and its switches, as read; null means the method's own default.</summary>
public sealed record MethodSettings
{
    /// <summary>The profile that is used unless another one is asked for.</summary>
    public const string Clean = "clean";

    /// <summary>As given, or the command's default.</summary>
    public required string Method { get; init; }

    public string Profile { get; init; } = Clean;

    public int? K { get; init; }

    public ImmutableArray<int>? Order { get; init; }

    /// <summary>Takes blocks without ranking them: <c>first</c>, <c>last</c> or <c>random</c>.</summary>
    public string? Choice { get; init; }

    /// <summary>Candidate blocks.</summary>
    public ImmutableArray<int>? Blocks { get; init; }

    /// <summary>Parts that must stay, e.g. <c>attn:0</c>.</summary>
    public ImmutableArray<string> Keep { get; init; } = [];

    public string? UnitChoice { get; init; }

    public string? Variant { get; init; }

    public string? Update { get; init; }

    public string? Feature { get; init; }

    public string? Loss { get; init; }

    public string? MetricSet { get; init; }

    public string? Metric { get; init; }

    public int? MultipleOf { get; init; }

    /// <summary>Merge tokens before widths are cut; only espalier does.</summary>
    public bool MergeTokens { get; init; }

    /// <summary>A model whose widths are taken; only espalier does.</summary>
    public string? Like { get; init; }

    public double? LearningRate { get; init; }

    public string? Augment { get; init; }

    public long? RankSteps { get; init; }

    public long? SynthesisSteps { get; init; }

    /// <summary>An explicit list of images.</summary>
    public string? Samples { get; init; }

    /// <summary>Single rows of the profile table, <c>topic=setting</c>.</summary>
    public ImmutableSortedDictionary<string, string> Switches { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}

/// <summary>The choice of a method and its switches.</summary>
public sealed partial class MethodOptions : OptionGroup
{
    private readonly string _usual;
    private readonly Option<string> _method, _profile, _order, _blocks, _unitChoice, _variant, _update, _feature, _loss, _metricSet, _metric;
    private readonly Option<string[]> _keep, _switch;
    private readonly Option<bool> _mergeTokens;
    private readonly Option<int?> _k, _multipleOf;
    private readonly Option<string> _augment, _samples, _like;
    private readonly Option<double?> _learningRate;
    private readonly Option<long?> _rankSteps, _synthesisSteps;

    /// <param name="usual">The command's default.</param>
    public MethodOptions(string usual) : base("Method")
    {
        _usual = usual;
        _method = AddChoice("--method", [.. MethodNames.All],
            "The compression method (default of compress: espalier, else dc-vit; ofb: plan only, see search). Baselines: whole blocks dropped, the same after PRACTISE's ranking, every width cut alike by magnitude or at random; the same of a CNN, then aligned layer by layer (FSKD, cross distillation).");
        _profile = AddChoice("--profile", ["clean", "official"], "Corrected, or exactly like the published code (default clean).");
        _k = AddNumber<int>("--k", "N", "Number of blocks to compress (default: the fewest that keep half of an MLP ratio).", 1);
        _order = Add<string>("--order", "2,4,1|first|last|random", "Compress these blocks in this order, without ranking.");
        _blocks = Add<string>("--blocks", "1..10", "Candidate blocks (default: all but the first and the last).");
        _keep = Add<string[]>("--keep", "attn:0", "A part that must stay: attn:I, mlp:I or block:I, each of which keeps the whole block; may be repeated.");
        _unitChoice = AddChoice("--unit-choice", ["rand_sample", "gelu_sample", "rand_init"], "Which hidden units stay (default rand_sample).");
        _variant = AddChoice("--variant", ["dense", "rm_attn", "rm_ffn", "identity", "drop", "once", "cnn-drop", "cnn-dense"], "Shape of a compressed block (default dense, of a CNN cnn-drop); once compresses all blocks together.");
        _update = AddChoice("--update", ["before", "all", "inter", "ln", "ffn_bias", "attn"], "What finetuning may change (default before: up to the block after the last compressed one).");
        _feature = AddChoice("--feature", ["pre_gap", "after_gap", "middle_block"], "Where student and teacher are compared (default pre_gap).");
        _loss = AddChoice("--loss", ["mimic", "kd", "labels"], "What a finetune minimises: distance from the teacher's features (default), KL from its softened answers, or cross-entropy with labels.");
        _metricSet = Add<string>("--metric-set", "SET", "Images blocks are ranked on: synthetic (default), images (the training images) or DATA.");
        _metric = AddChoice("--metric", ["kl", "mse"], "Measure of recoverability (default kl).");
        _multipleOf = AddNumber<int>("--multiple-of", "N", "espalier: widths that are cut become multiples of N (default 1: any).", 1);
        _mergeTokens = AddFlag("--merge-tokens", "espalier: merge alike tokens first (ToMe) and cut widths only for the rest. Loses far less at equal MACs; parameters stay.");
        _like = Add<string>("--like", "MODEL", "espalier: take the widths of this compressed model instead of searching for some.");
        _learningRate = AddNumber<double>("--lr", "X", "Peak learning rate of each finetune (default 2e-4; official: 3e-5).", 0);
        _augment = AddChoice("--augment", ["full", "crop"], "Augmentation: crop, flip and RandAugment (full), or crop and flip (default crop; official: full).");
        _samples = Add<string>("--samples", "FILE", "Use exactly these images: samples.txt of another run.");
        _rankSteps = AddNumber<long>("--rank-steps", "S", "Gradient steps per candidate (default: as --steps).", 1);
        _synthesisSteps = AddNumber<long>("--synthesis-steps", "S", "Steps of the synthesis (default: as --steps, at most 2000).", 1);
        _switch = Add<string[]>("--switch", "TOPIC=SETTING", "One switch of the method, e.g. norm_eps=official (dc-vit) or query_key=off (espalier); may be repeated.");
    }

    public MethodSettings Read(ParseResult parsed)
    {
        var (k, order) = (parsed.GetValue(_k), parsed.GetValue(_order));
        var choice = order is "first" or "last" or "random" ? order : null;
        var settings = new MethodSettings
        {
            Method = parsed.GetValue(_method) ?? _usual,
            Profile = parsed.GetValue(_profile) ?? MethodSettings.Clean,
            K = k,
            Choice = choice,
            Order = order is null || choice is not null ? null : BlockList.Parse("--order", order),
            Blocks = parsed.GetValue(_blocks) is { } blocks ? BlockList.Parse("--blocks", blocks) : null,
            Keep = [.. parsed.GetValue(_keep) ?? []],
            UnitChoice = parsed.GetValue(_unitChoice),
            Variant = parsed.GetValue(_variant),
            Update = parsed.GetValue(_update),
            Feature = parsed.GetValue(_feature),
            Loss = parsed.GetValue(_loss),
            MetricSet = parsed.GetValue(_metricSet),
            Metric = parsed.GetValue(_metric),
            MultipleOf = parsed.GetValue(_multipleOf),
            LearningRate = parsed.GetValue(_learningRate),
            Augment = parsed.GetValue(_augment),
            RankSteps = parsed.GetValue(_rankSteps),
            SynthesisSteps = parsed.GetValue(_synthesisSteps),
            MergeTokens = parsed.GetValue(_mergeTokens),
            Like = parsed.GetValue(_like),
            Samples = parsed.GetValue(_samples),
            Switches = Pairs(parsed.GetValue(_switch) ?? []),
        };
        if (settings.Keep.FirstOrDefault(part => !Part().IsMatch(part)) is { } odd)
            throw new UsageException($"--keep {odd}: must be attn:I, mlp:I or block:I.");
        if (settings is { Order: { } listed, K: { } count } && listed.Length != count)
            throw new UsageException($"--order names {listed.Length} blocks but --k asks for {count}.");
        return settings.Checked();
    }

    internal static ImmutableSortedDictionary<string, string> Pairs(string[] texts)
    {
        var pairs = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var text in texts)
        {
            if (text.Split('=', 2) is not [{ Length: > 0 } topic, { Length: > 0 } setting]) throw new UsageException($"--switch {text}: must be TOPIC=SETTING.");
            if (!pairs.TryAdd(topic.Replace('-', '_'), setting)) throw new UsageException($"--switch {topic} is given twice.");
        }
        return pairs.ToImmutable();
    }

    [GeneratedRegex("^(attn|mlp|block):[0-9]{1,4}$")]
    private static partial Regex Part();
}
