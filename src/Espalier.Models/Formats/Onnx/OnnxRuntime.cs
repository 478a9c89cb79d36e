using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Espalier.Torch;

namespace Espalier.Models.Formats.Onnx;

/// <summary>ONNX Runtime, as its package for Node.js brings it along, in a process of its own.</summary>
public sealed class OnnxRuntime : IOnnxEngine
{
    private const string Script = "onnxruntime.js", Package = "onnxruntime-node";

    private readonly string _modules;

    private OnnxRuntime(string modules) => _modules = modules;

    public string Name => "onnxruntime";

    /// <summary>
    /// The one that set-up put into <c>onnxruntime/node_modules</c>, beside the application or in a parent folder of it; null when there
    /// is none.
    /// </summary>
    public static OnnxRuntime? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var modules = Path.Combine(folder.FullName, "onnxruntime", "node_modules");
            if (Directory.Exists(Path.Combine(modules, Package))) return new OnnxRuntime(modules);
        }
        return null;
    }

    /// <inheritdoc/>
    /// <exception cref="FailureException">Node.js cannot be started.</exception>
    public IReadOnlyList<Tensor> Run(FileStream file, IReadOnlyList<Tensor> inputs, CancellationToken cancellation = default)
    {
        using var process = Start();
        using var killed = cancellation.Register(() => process.Kill());
        var output = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        var error = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            process.StandardInput.Write(Request(file.Name, inputs));
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it had read everything; its exit code and stderr say why.
        }
        process.WaitForExit();
        cancellation.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? Answer(output.Result)
            : throw new InputException($"ONNX Runtime failed: {error.Result.Trim().Split('\n')[0]}");
    }

    private Process Start()
    {
        var start = new ProcessStartInfo("node", ["-e", ScriptText()])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["NODE_PATH"] = _modules;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new FailureException($"Node.js, in which ONNX Runtime runs, cannot be started ({e.Message}); install nodejs and run again.", e);
        }
    }

    private static string Request(string path, IReadOnlyList<Tensor> inputs) => new JsonObject
    {
        ["model"] = path,
        ["inputs"] = new JsonArray([.. inputs.Select(input => new JsonObject
        {
            ["type"] = input.DType == DType.UInt8 ? "uint8" : "float32",
            ["dims"] = new JsonArray([.. input.Shape.Select(extent => JsonValue.Create(extent))]),
            ["data"] = Convert.ToBase64String(input.ToBytes()),
        })]),
    }.ToJsonString();

    private static List<Tensor> Answer(string text)
    {
        using var answer = JsonDocument.Parse(text);
        return [.. answer.RootElement.EnumerateArray().Select(output => Tensor.From(
            Floats(output.GetProperty("values")), [.. output.GetProperty("dims").EnumerateArray().Select(d => d.GetInt64())]))];
    }

    private static float[] Floats(JsonElement values) =>
        [.. values.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Null ? float.NaN : (float)v.GetDouble())];

    private static string ScriptText()
    {
        using var stream = typeof(OnnxRuntime).Assembly.GetManifestResourceStream(Script)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
