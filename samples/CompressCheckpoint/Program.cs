// A checkpoint, a folder of images, a smaller model folder: CompressCheckpoint MODEL IMAGES OUTPUT MINUTES
using System.Globalization;
using Espalier;
using Espalier.Budget;
using Espalier.Models.Data;

var model = EspalierModel.Open(args[0]);
var result = model.Compress(args[2], new CompressOptions
{
    Target = Target.KeepMacs(0.75),
    Images = ImageDataset.Open(args[1], LabelPolicy.Ignored),
    Time = TimeSpan.FromMinutes(double.Parse(args[3], CultureInfo.InvariantCulture)),
});

Console.WriteLine($"{model.Architecture.Name}: {result.Before.MacsFull:N0} -> {result.After.MacsFull:N0} MACs");
foreach (var stage in result.Stages)
    Console.WriteLine($"{stage.Stage}: KL {stage.HeldOut?.Kl ?? stage.Metric:0.0000}");

var onnx = EspalierModel.Open(args[2]).Export(Path.Combine(args[2], "model.onnx"));
Console.WriteLine($"ONNX: {onnx.Bytes:N0} bytes, largest difference {onnx.MaxDifference:0.0e0}");
