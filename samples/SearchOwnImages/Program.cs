// OFB on your own images, one subfolder for each class: SearchOwnImages MODEL IMAGES OUTPUT EPOCHS
using System.Globalization;
using Espalier;
using Espalier.Budget;
using Espalier.Compute;
using Espalier.Models.Data;
using Espalier.Ofb;
using Espalier.Supervised;

var images = ImageDataset.Open(args[1], LabelPolicy.Required);
var effort = new TrainingEffort(Epochs: int.Parse(args[3], CultureInfo.InvariantCulture));
var compute = new ComputeOptions { Threads = 1 };

// First a head for these classes: a search begins with a model that knows them.
var dense = Path.Combine(args[2], "dense");
var trained = EspalierModel.Open(args[0]).Train(dense, new TrainOptions { Data = images, Effort = effort, Compute = compute });
foreach (var note in trained.Notes) Console.WriteLine(note);

var model = EspalierModel.Open(dense);
var target = Target.KeepMacs(0.5);
Console.WriteLine($"10^{model.PlanSearch(target).Space.Log10Size:0} structures to choose from");

var found = model.Search(Path.Combine(args[2], "small"), new SearchOptions
{
    Target = target,
    Data = images,
    Effort = effort,
    Compute = compute,
    Ofb = new OfbOptions().MixedFor(model.Architecture.ImageSize) with { Recipe = new TrainRecipe { BatchSize = 32, LearningRate = 5e-4 } },
});
foreach (var stage in found.Stages) Console.WriteLine($"{stage.Stage} after {stage.Steps} steps: cross-entropy {stage.Metric:0.000}");
Console.WriteLine($"{found.Before.MacsBudget:N0} -> {found.After.MacsBudget:N0} MACs; width {found.Net.EmbedDim}");
