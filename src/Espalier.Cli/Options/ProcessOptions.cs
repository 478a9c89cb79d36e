using System.CommandLine;

namespace Espalier.Cli.Options;

/// <summary>How many processes share the work of a command.</summary>
public sealed class ProcessOptions : OptionGroup
{
    private readonly Option<int?> _count;

    public ProcessOptions() : base("Several processes") =>
        _count = AddNumber<int>("--nproc", "N", "Start N processes here that share the work (default 1, or as RANK and WORLD_SIZE say).", 1, 1024);

    public int? Read(ParseResult parsed) => parsed.GetValue(_count);
}
