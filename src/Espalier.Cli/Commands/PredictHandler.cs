using System.Collections.Immutable;
using Espalier.Cli.Output;
using Espalier.Models.Data;
using Espalier.Models.Formats;

namespace Espalier.Cli.Commands;

/// <summary><c>predict</c>: the likeliest classes of each image, by the names the model brings along.</summary>
internal static class PredictHandler
{
    public static PredictResult Run(PredictOptions options, CommandContext context)
    {
        var source = WeightedModel.Open(options.Model, context);
        if (source.Architecture.Classes == 0)
            throw new InputException($"{options.Model} has no head: there are no classes to predict; finetune it on labelled images first.");
        var dataset = ImageDataset.Open(options.Images, LabelPolicy.Ignored);
        var compute = Computing.Of(context.Common);
        compute.Apply();
        using var model = source.Load(compute.Device);
        var names = source.ClassNames;
        var images = ImmutableArray.CreateBuilder<ImagePrediction>(dataset.Count);
        Evaluators.For(source, dataset, options.Batch, compute, "predicting", context).Predict(model, dataset, (image, classes) =>
            images.Add(new(image.Id, [.. classes.Select(c => new ClassProbability(c.Class, names.IsEmpty ? null : names[c.Class], c.Probability))])),
            context.Cancellation);
        return new(images.DrainToImmutable());
    }
}
