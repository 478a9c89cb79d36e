using System.Collections.Immutable;
using Espalier.Models.Formats.Onnx.Proto;
using Google.Protobuf;

namespace Espalier.Models.Formats.Onnx;

/// <summary>A written ONNX file.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="MaxDifference">Largest difference of a logit from the model's own, as a share of the largest logit.</param>
/// <param name="VerifiedBy">Names of the engines that ran it.</param>
public sealed record WrittenOnnx(long Bytes, double MaxDifference, ImmutableArray<string> VerifiedBy);

/// <summary>Writes a model as an ONNX file that was run and compared before it is kept.</summary>
public static class OnnxFile
{
    /// <summary>The most a protobuf message may hold, and so an ONNX file.</summary>
    private const long MostBytes = int.MaxValue;

    // The graph and the notes besides the weights: generously.
    private const long Overhead = 1 << 22;

    /// <summary>
    /// Writes the file, reads it back in Espalier's own interpreter and in <paramref name="others"/>, and compares the logits with the
    /// model's (see <see cref="OnnxVerification"/>). The file appears only when they agree. Same model and options, same bytes.
    /// </summary>
    /// <exception cref="UsageException">The options ask for what cannot be written.</exception>
    /// <exception cref="FailureException">The model is larger than an ONNX file can be, or the file cannot be written.</exception>
    /// <exception cref="VerificationException">An engine refused the file or computed other logits.</exception>
    public static WrittenOnnx Write(string path, Model model, OnnxOptions options, IReadOnlyList<IOnnxEngine>? others = null,
        CancellationToken cancellation = default)
    {
        options.Validate();
        CheckSize(model.Architecture);
        var (file, verification) = (File(model, options), new OnnxVerification(model, options));
        ImmutableArray<IOnnxEngine> engines = [new OnnxInterpreter(), .. others ?? []];
        var (bytes, difference) = (0L, 0.0);
        AtomicFile.Write(path, file.WriteTo, written =>
        {
            bytes = written.Length;
            difference = engines.Max(engine => verification.Difference(engine, written, cancellation));
        });
        return new WrittenOnnx(bytes, difference, [.. engines.Select(e => e.Name)]);
    }

    /// <exception cref="FailureException">The weights alone fill an ONNX file.</exception>
    internal static void CheckSize(Architecture net)
    {
        var bytes = sizeof(float) * net.Cost().Parameters;
        if (bytes + Overhead > MostBytes)
            throw new FailureException($"{net.Name} has {bytes / 1e9:0.0} GB of weights, and an ONNX file holds at most 2 GiB; export a "
                + "smaller model, or load the model folder with its load_in_python.py.");
    }

    private static ModelProto File(Model model, OnnxOptions options)
    {
        var file = new ModelProto
        {
            // The oldest version of the format that has the operator set, so that as many runtimes as possible read it.
            IrVersion = options.Opset >= 20 ? 9 : 8,
            ProducerName = "espalier",
            ProducerVersion = typeof(OnnxFile).Assembly.GetName().Version!.ToString(3),
            Graph = model.Graph(options),
        };
        file.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = options.Opset });
        file.MetadataProps.AddRange(OnnxMetadata.Of(model, options));
        return file;
    }
}
