using System.CommandLine;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

internal sealed class FinetuneCommand() : SupervisedCommand("finetune", "Trains a model further on labelled images; another class count replaces its head.",
    "MODEL", "A model folder, a weights file, fashion-vit.")
{
    public override IReadOnlyList<string> Examples => ["espalier finetune fashion-vit --data fashion-mnist:train --epochs 1 -o runs/tuned"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) => Handlers.Finetune(Read(parsed), context);
}
