using Espalier.Cli.Output;
using Espalier.Models.Data;

namespace Espalier.Cli.Commands;

/// <summary><c>predict</c>: the likeliest classes of each image, by the names the model brings along.</summary>
internal static class PredictHandler
{
    public static PredictResult Run(PredictOptions options, CommandContext context)
    {
        var model = new EspalierModel(WeightedModel.Open(options.Model, context));
        var found = model.Predict(ImageDataset.Open(options.Images, LabelPolicy.Ignored), Computing.Of(context), options.Batch, context.Progress, context.Cancellation);
        return new([.. found.Select(f => new ImagePrediction(f.Image.Id, [.. f.Classes.Select(c => new ClassProbability(c.Class, c.Name, c.Probability))]))]);
    }
}
