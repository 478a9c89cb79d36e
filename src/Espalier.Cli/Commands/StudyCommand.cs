using System.CommandLine;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>study</c> is asked.</summary>
public sealed record StudyOptions(string File, string? Form, IReadOnlyDictionary<string, string> Set, bool List, string? Output);

internal sealed class StudyCommand : CliCommand
{
    private readonly Argument<string> _file;
    private readonly OwnOptions _own = new();
    private readonly Option<string?> _form, _output;
    private readonly Option<string[]> _set;
    private readonly Option<bool> _list;

    public StudyCommand() : base("study", "Runs a table of commands from a file, row by row; what is done is skipped.")
    {
        _file = AddArgument("FILE", "A study file, such as those in studies/.");
        _output = _own.Text("--output", "DIR", "The study's folder: rows, study.csv, study.json, report.html. An earlier one of this name is gone on with.", "-o");
        _form = _own.Text("--form", "NAME", "A form the file has, e.g. full (default: the file as it is).");
        _set = _own.Many("--set", "NAME=VALUE", "A variable of the file; may be repeated.");
        _list = _own.Flag("--list", "Only list the rows.");
        AddGroup(_own);
        Complete();
    }

    public override IReadOnlyList<string> Examples =>
    [
        "espalier study studies/few-shot.json -o runs/few-shot",
        "espalier study studies/dense-range.json --set model=vit_tiny --set images=photos --set eval=labelled -o runs/dense-range",
    ];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Study(
        new(parsed.GetRequiredValue(_file), parsed.GetValue(_form), Pairs(parsed.GetValue(_set) ?? []), parsed.GetValue(_list), parsed.GetValue(_output)), context);

    private static Dictionary<string, string> Pairs(string[] texts)
    {
        var pairs = new Dictionary<string, string>();
        foreach (var text in texts)
        {
            if (text.Split('=', 2) is not [{ Length: > 0 } name, { Length: > 0 } value]) throw new UsageException($"--set {text}: must be NAME=VALUE.");
            if (!pairs.TryAdd(name, value)) throw new UsageException($"--set {name} is given twice.");
        }
        return pairs;
    }
}
