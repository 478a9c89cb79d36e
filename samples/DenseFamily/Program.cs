// One run, many sizes; a device takes the largest that fits: DenseFamily MODEL IMAGES OUTPUT MILLION_MACS MINUTES
using System.Globalization;
using Espalier;
using Espalier.Models;
using Espalier.Models.Data;

var options = SweepOptions.Between(from: 0.9, to: 0.5, points: 3) with
{
    Images = ImageDataset.Open(args[1], LabelPolicy.Ignored),
    Time = TimeSpan.FromMinutes(double.Parse(args[4], CultureInfo.InvariantCulture)),
};
var family = EspalierModel.Open(args[0]).Sweep(args[2], options);

foreach (var point in family.Points)
    Console.WriteLine($"{point.Folder}: {Describe(point.Cost)}, agrees with the original on {point.Stage.HeldOut?.Agreement:P0}");

var budget = 1e6 * double.Parse(args[3], CultureInfo.InvariantCulture);
var fits = family.Points.Where(p => p.Cost.MacsFull <= budget).MaxBy(p => p.Cost.MacsFull);
Console.WriteLine(fits is null ? "none fits: go on to smaller sizes" : $"for this device: {Path.Combine(args[2], fits.Folder)}");
return fits is null ? 1 : 0;

static string Describe(Cost cost) => string.Create(CultureInfo.InvariantCulture, $"{cost.MacsFull / 1e6:0.0} M MACs, {cost.Parameters / 1e6:0.00} M parameters");
