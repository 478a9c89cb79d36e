// A cut of your own, and the closed-form repair after it: CustomEdit MODEL IMAGES LABELLED OUTPUT
using Espalier;
using Espalier.Evaluation;
using Espalier.FewShot;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;

const int Block = 3;
var images = ImageDataset.Open(args[1], LabelPolicy.Ignored);
var labelled = ImageDataset.Open(args[2], LabelPolicy.Required);
using var teacher = ModelSource.Open(args[0]).LoadVit(); // edits know Vision Transformers

// The edit: the half of one block's hidden units that is active most. Every edit is a new model; the given one stays as it is.
var activity = ActivationStatistics.MeanActivation(teacher, images, Block);
int[] kept = [.. Enumerable.Range(0, activity.Length).OrderByDescending(u => activity[u]).Take(activity.Length / 2).Order()];
using var cut = teacher.KeepHidden(Block, kept);

// The repair: walk through the student, and solve each layer towards the teacher's tokens. To its own widths, it cuts nothing more, and what was cut
// elsewhere cannot be told from other errors: one regression corrects all.
using var calibration = new Calibration(images, teacher);
using var sensitivity = Sensitivity.Measure(teacher, images, seed: 0, CancellationToken.None);
using var repaired = RepairPass.Of(teacher, calibration, sensitivity, new RepairOptions { Strength = 1 }).Run(cut, cut.Architecture);

var comparison = new ModelComparison(new Evaluator(TimeProvider.System));
foreach (var (name, model) in new[] { ("cut", cut), ("repaired", repaired) })
{
    var found = comparison.Compare(model, teacher, labelled);
    Console.WriteLine($"{name}: KL {found.Kl:0.0000}, top-1 {100 * found.Top1Difference:+0.0;-0.0} points");
}
Directory.CreateDirectory(args[3]);
ModelFolder.Write(args[3], repaired);
Console.WriteLine($"{teacher.Architecture.Cost().MacsBudget:N0} -> {EspalierModel.Open(args[3]).Cost.MacsBudget:N0} MACs");
