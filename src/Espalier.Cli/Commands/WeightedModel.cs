using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary>Opens the MODEL of a command whose result means nothing with random weights.</summary>
internal static class WeightedModel
{
    /// <exception cref="UsageException">It is only the name of an architecture.</exception>
    /// <exception cref="InputException">There is no such model, or it is damaged.</exception>
    public static ModelSource Open(string model, CommandContext context)
    {
        var source = ModelSource.Open(model);
        return !source.IsRandom ? source : throw new UsageException(
            $"{model} is an architecture's name, which comes with random weights; {context.Command} needs a model folder or a weights file.");
    }
}
