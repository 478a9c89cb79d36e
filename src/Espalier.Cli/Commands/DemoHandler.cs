using System.Collections.Immutable;
using Espalier.Cli.Output;
using Espalier.Models.Formats;
using Espalier.Reports;
using Espalier.Runs;

namespace Espalier.Cli.Commands;

/// <summary><c>demo</c>: an ordinary <c>compress</c> of the bundled model, whose command line it shows.</summary>
internal static class DemoHandler
{
    private const string Model = "fashion-vit", Output = "runs/demo", Stage = "demo";

    public static CompressResult Run(CommandContext context)
    {
        // Everything typed after the command's name is a common option, which compress knows too.
        var arguments = Arguments(Images(), context.Arguments.Skip(1));
        context.Progress.Report(ProgressUpdate.Message(Stage, CommandLineText.Of(arguments)));
        var compress = new CompressCommand();
        var parsed = compress.Parse(arguments.Skip(1).ToList());
        var inner = context.As(compress.Name, arguments, compress.Common.Read(parsed), context.ResumedFolder);
        var result = Handlers.Compress(compress.Read(parsed), inner);
        context.Progress.Report(ProgressUpdate.Message(Stage, $"open {Path.GetFullPath(Path.Combine(Output, "report.html"))}"));
        return result;
    }

    /// <summary>The command line that does the same.</summary>
    internal static ImmutableArray<string> Arguments(string images, IEnumerable<string> common) =>
    [
        "compress", Model, "--keep-macs", "0.75", "--images", Path.Combine(images, "unlabelled"), "-n", "100",
        "--eval", Path.Combine(images, "test"), "--minutes", "3", "-o", Output, "--force", .. common.Where(option => option != "--force"),
    ];

    /// <summary>The images lie beside the bundled model; as short a path as there is.</summary>
    private static string Images()
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(ModelSource.Open(Model).WeightsPath!))!;
        var images = Path.Combine(folder, "images");
        if (!Directory.Exists(images))
            throw new InputException($"{folder} has no images, so it is not the bundled {Model}; restore it, or run the demo in another folder.");
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), images);
        return relative.StartsWith("..", StringComparison.Ordinal) ? images : relative;
    }
}
