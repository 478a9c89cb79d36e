using System.CommandLine;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

internal sealed class TrainCommand() : SupervisedCommand("train", "Trains an architecture from random weights on labelled images.",
    "ARCH", "A timm name, fashion-vit, or a model folder whose architecture is taken.")
{
    public override IReadOnlyList<string> Examples => ["espalier train fashion-vit --data fashion-mnist:train --epochs 10 -o runs/fashion"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Train(Read(parsed), context);
}
