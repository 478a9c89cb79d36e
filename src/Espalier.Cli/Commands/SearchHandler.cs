using Espalier.Cli.Output;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary><c>search</c>.</summary>
internal static class SearchHandler
{
    private const int DefaultEpochs = 20;

    public static CompressResult Run(SearchOptions options, CommandContext context)
    {
        var run = new CommandRun(context, options.Output);
        var data = ImageDataset.Open(options.Data, LabelPolicy.Required);
        var model = new EspalierModel(WeightedModel.Open(options.Model, context));
        model.Search(options.Output, new Espalier.SearchOptions
        {
            Target = options.Target,
            Data = data,
            Eval = options.Eval is { } eval ? ImageDataset.Open(eval, LabelPolicy.Required) : null,
            HoldOut = options.Training.HoldOut,
            Ofb = OfbSetup.Options(options.Profile, options.Switches).With(options.Training, options.Accumulate, model.Architecture.ImageSize),
            Effort = options.Effort.OrEpochs(DefaultEpochs),
            TellWidths = context.Common.Verbose,
            Strict = options.Training.Strict,
            CacheFolder = FewShotSetup.CacheFolder(),
        }.For(run, context), context.Progress, context.Cancellation);
        return CompressResult.Of(run.Report);
    }
}
