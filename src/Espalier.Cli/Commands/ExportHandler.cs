using Espalier.Cli.Output;
using Espalier.Models.Formats.Onnx;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary><c>export</c>: the model as an ONNX file that computes what the model does.</summary>
internal static class ExportHandler
{
    private const string Stage = "export";

    public static ExportResult Run(ExportOptions options, CommandContext context)
    {
        CheckOutput(options.Output, context.Common.Force);
        var model = new EspalierModel(WeightedModel.Open(options.Model, context, options.ImageSize));
        IOnnxEngine[] others = options.Verify ? [OnnxRuntime.Find() ?? throw NoRuntime()] : [];
        context.Progress.Report(ProgressUpdate.Message(Stage, $"writing {options.Output}, and comparing it with the model"));
        var written = model.Export(options.Output, new OnnxOptions
        {
            Opset = options.Opset,
            WithNormalization = options.WithNormalization,
            Seed = (ulong)context.Common.Seed,
        }, others, Computing.Of(context), context.Cancellation);
        return new(options.Output, options.Opset, written.Bytes, written.MaxDifference, written.VerifiedBy);
    }

    private static void CheckOutput(string path, bool force)
    {
        if (Directory.Exists(path))
            throw new UsageException($"'{path}' is a folder; -o names the file to write, such as '{Path.Combine(path, "model.onnx")}'.");
        if (File.Exists(path) && !force)
            throw new UsageException($"'{path}' exists already; choose another -o or replace it with --force.");
    }

    private static FailureException NoRuntime() => new(
        "--verify needs ONNX Runtime, which is not installed here; run ./espalier from its checkout, which installs it, or leave --verify out: "
        + "the file is checked in Espalier's own interpreter all the same.");
}
