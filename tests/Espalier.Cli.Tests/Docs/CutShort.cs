using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Espalier.Cli.Commands;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Docs;

/// <summary>What tests change in a page's command so that it takes a moment. All else is as it is written, and so are the names of models, images and runs.</summary>
internal static partial class CutShort
{
    /// <summary>An option's value, and the words in place of both; an effort of 0 steps stays.</summary>
    private static readonly (string Option, string Value, string[] Instead)[] s_options =
    [
        ("--minutes", ".*", ["--steps", "1"]),
        ("--epochs", ".*", ["--steps", "8"]),
        ("--steps", "[1-9].*", ["--steps", "1"]),
        ("--synthesis-steps", ".*", ["--synthesis-steps", "1"]),
        ("-n", ".*", ["-n", "6"]),
        ("--points", ".*", ["--points", "3"]),
        ("--hold-out", ".*", ["--hold-out", "4"]),
        ("--batch", ".*", ["--batch", "4"]),
        // The tiny network takes the same time whatever is cut of it: the bundled one is timed, and loses whole attentions.
        ("--latency", ".*", ["--latency", "90%", "--method", "dc-vit", "--metric-set", "images"]),
    ];

    /// <summary>Commands that would work for minutes when they are told neither steps nor minutes.</summary>
    private static readonly string[] s_untold = ["compress", "search", "sweep", "rank", "train", "finetune"];

    /// <summary>Commands that draw from their images.</summary>
    private static readonly string[] s_few = ["compress", "sweep", "rank", "plan"];

    /// <summary>The least that espalier's search and repair can look at.</summary>
    private static readonly string[] s_search = ["--switch", "rounds=1", "--switch", "crops=0"];

    public static string[] Words(ImmutableArray<string> words)
    {
        if (words[0] == "demo") words = DemoHandler.Arguments("models/fashion-vit/images", words.Skip(1));
        List<string> cut = [];
        for (var i = 0; i < words.Length; i++)
        {
            var row = s_options.FirstOrDefault(o => o.Option == words[i] && i + 1 < words.Length && Regex.IsMatch(words[i + 1], $"^{o.Value}$"));
            if (row.Option is not null) i++;
            cut.AddRange(row.Instead ?? [DataSet().Replace(words[i], "labelled")]);
        }
        if (words.Contains("--latency")) cut = [.. cut.Select(w => w == "vit_tiny" ? Path.Combine(SharedData.Root, "models", "fashion-vit") : w)];
        if (s_untold.Contains(cut[0]) && !cut.Contains("--steps")) cut.AddRange(["--steps", "1"]);
        if (cut.Contains("--images") && s_few.Contains(cut[0]) && !cut.Contains("-n")) cut.AddRange(["-n", "6"]);
        if (Searches(cut)) cut.AddRange(s_search);
        if (!cut.Contains("--threads") && cut[0][0] != '-') cut.AddRange(["--threads", "1"]);
        return [.. cut];
    }

    /// <summary>A study with the same questions but one number of images, one seed, one target and one learning rate.</summary>
    public static string Study(string json)
    {
        json = DataSet().Replace(Lists().Replace(json, m => m.Groups["key"].Value + m.Groups["key"].Value[1..^3] switch
        {
            "images" => "[6]",
            "seeds" => "[0]",
            "grid" => "[2e-4]",
            _ => $"[{m.Groups["first"].Value}]",
        }), "labelled");
        return Effort().Replace(json, m => m.Groups["n"].Success ? "-n 6" : "--steps 1")
            .Replace("--method espalier", $"--method espalier {string.Join(' ', s_search)}");
    }

    // Its rounds would take most of such a short run.
    private static bool Searches(List<string> words) => (words[0], words.IndexOf("--method")) switch
    {
        ("compress" or "sweep", -1) => true,
        ("compress" or "sweep" or "plan", >= 0 and var at) => words[at + 1] == MethodNames.Espalier,
        _ => false,
    };

    [GeneratedRegex("fashion-mnist:(train|test)|.*/images/(test|unlabelled)$")]
    private static partial Regex DataSet();

    [GeneratedRegex("""(?<key>"(images|seeds|grid|targets)": )\[\s*(?<first>[^\],]+)[^\]]*\]""")]
    private static partial Regex Lists();

    [GeneratedRegex("--minutes [0-9.]+|(?<n>-n [0-9]+)")]
    private static partial Regex Effort();
}
