using System.Text.Json;
using Espalier.Models.Formats;

namespace Espalier.Models.Cnn;

/// <summary>The <c>espalier</c> object of <c>config.json</c> of a convolutional network.</summary>
internal static class CnnJson
{
    /// <summary>Value of the key <c>family</c>.</summary>
    public const string Family = "cnn";

    private const int WidestLayer = 1 << 16, MostBlocks = 512, LargestSide = 1 << 14, LargestKernel = 31;
    // So that costs fit in 63 bits.
    private const double MostMacs = 1e18;

    private static readonly CnnBlockKind[] s_kinds = Enum.GetValues<CnnBlockKind>();

    public static void Write(Utf8JsonWriter json, CnnArchitecture net)
    {
        json.WriteNumber("version", ModelConfig.Version);
        json.WriteString("family", Family);
        json.WriteString("style", StyleName(net.Style));
        json.WriteNumber("image_size", net.ImageSize);
        json.WriteNumber("channels", net.Channels);
        json.WriteStartObject("stem");
        json.WriteNumber("width", net.Stem.Width);
        json.WriteNumber("kernel", net.Stem.Kernel);
        json.WriteNumber("stride", net.Stem.Stride);
        json.WriteBoolean("pool", net.Stem.Pool);
        json.WriteEndObject();
        json.WriteNumber("head_width", net.HeadWidth);
        json.WriteNumber("norm_eps", net.NormEps);
        json.WriteStartArray("blocks");
        foreach (var block in net.Blocks) Write(json, block);
        json.WriteEndArray();
    }

    /// <summary>Reads what <see cref="Write(Utf8JsonWriter, CnnArchitecture)"/> wrote; name and classes stand outside of it.</summary>
    /// <exception cref="InputException">Something is missing, of the wrong type, out of range, or contradicts the rest.</exception>
    public static CnnArchitecture Read(JsonElement json, JsonElement own, string path)
    {
        if (own.Get("blocks") is not { ValueKind: JsonValueKind.Array } blocks || blocks.GetArrayLength() == 0) throw Fault("espalier.blocks is missing or empty");
        if (own.Get("stem") is not { ValueKind: JsonValueKind.Object } stem) throw Fault("espalier.stem is missing");
        if (Positive(own, "version") > ModelConfig.Version)
            throw new InputException($"{path} was written by a newer version of Espalier; update to read it.");
        var net = new CnnArchitecture
        {
            Name = json.GetText("architecture", path) ?? throw Fault("architecture is missing"),
            Classes = json.GetInt("num_classes", path) is >= 0 and var classes ? classes : throw Fault("num_classes is missing or below 0"),
            Style = own.GetText("style", path) switch
            {
                "resnet" => CnnStyle.ResNet,
                "mobilenetv2" => CnnStyle.MobileNetV2,
                var other => throw Fault($"style {other ?? "null"} is not known"),
            },
            ImageSize = Positive(own, "image_size"),
            Channels = Positive(own, "channels"),
            Stem = new CnnStem(Positive(stem, "width"), Positive(stem, "kernel"), Positive(stem, "stride"), stem.GetFlag("pool", path) ?? false),
            HeadWidth = own.GetInt("head_width", path) is >= 0 and <= WidestLayer and var head ? head : throw Fault("head_width is missing or out of range"),
            NormEps = own.GetNumber("norm_eps", path) is > 0 and var eps ? eps : throw Fault("norm_eps is missing or not above 0"),
            Blocks = [.. blocks.EnumerateArray().Select((block, i) => Block(block, i))],
        };
        return Check(net) is { } fault ? throw Fault(fault) : net;

        CnnBlock Block(JsonElement block, int index)
        {
            var name = block.GetText("kind", path);
            return new CnnBlock
            {
                Kind = s_kinds.Any(k => k.JsonName() == name) ? s_kinds.First(k => k.JsonName() == name) : throw Fault($"block {index} has the kind {name ?? "null"}"),
                Stage = block.GetInt("stage", path) is >= 0 and var stage ? stage : throw Fault($"block {index} has no stage"),
                Inputs = Positive(block, "inputs"),
                Hidden = block.GetInt("hidden", path) ?? 0,
                Outputs = Positive(block, "outputs"),
                Stride = block.GetInt("stride", path) ?? 1,
                Shortcut = block.GetFlag("shortcut", path) ?? false,
                Expands = block.GetFlag("expands", path) ?? true,
            };
        }

        int Positive(JsonElement from, string key) => from.GetInt(key, path) is > 0 and <= WidestLayer and var value ? value
            : throw Fault($"{key} is missing or out of range");

        InputException Fault(string what) => new($"{path}: {what}.");
    }

    private static void Write(Utf8JsonWriter json, CnnBlock block)
    {
        json.WriteStartObject();
        json.WriteString("kind", block.Kind.JsonName());
        json.WriteNumber("stage", block.Stage);
        json.WriteNumber("inputs", block.Inputs);
        json.WriteNumber("hidden", block.Hidden);
        json.WriteNumber("outputs", block.Outputs);
        json.WriteNumber("stride", block.Stride);
        if (block.Shortcut) json.WriteBoolean("shortcut", true);
        if (!block.Expands) json.WriteBoolean("expands", false);
        json.WriteEndObject();
    }

    private static string StyleName(CnnStyle style) => style == CnnStyle.ResNet ? "resnet" : "mobilenetv2";

    // The first thing by which the parts contradict each other.
    private static string? Check(CnnArchitecture net)
    {
        if (net.Depth > MostBlocks || net.ImageSize > LargestSide || net.Stem.Kernel > LargestKernel || net.Classes > 1 << 24)
            return $"blocks, image_size, kernel or num_classes are out of range (at most {MostBlocks}, {LargestSide}, {LargestKernel} and {1 << 24})";
        var weights = 9.0 * net.Stem.Kernel * net.Stem.Kernel * net.Stem.Width * net.Channels + (double)net.HeadWidth * WidestLayer
            + net.Blocks.Sum(b => (double)b.Inputs * b.Outputs + 9.0 * b.Hidden * (b.Inputs + b.Hidden + b.Outputs));
        if (weights * net.ImageSize * net.ImageSize > MostMacs) return "its widths and image_size together are out of range";
        if (net.Stem.Kernel % 2 == 0) return $"a stem of side {net.Stem.Kernel} has no middle";
        if (net.HeadWidth > 0 && net.Style == CnnStyle.ResNet) return "a ResNet has no head_width";
        var width = net.Stem.Width;
        for (var i = 0; i < net.Depth; i++)
        {
            var block = net.Blocks[i];
            var isInverted = block.Kind == CnnBlockKind.InvertedResidual;
            if (block.Inputs != width) return $"block {i} takes {block.Inputs} channels, but {width} come";
            if (block.Kind == CnnBlockKind.Dropped ? block != block.Drop() || block.Inputs != block.Outputs : block.Hidden is < 1 or > WidestLayer || block.Stride is < 1 or > 4)
                return $"block {i} has widths or a stride that {block.Kind.JsonName()} cannot have";
            if (block.Kind != CnnBlockKind.Dropped && isInverted != (net.Style == CnnStyle.MobileNetV2)) return $"block {i} is of another style than the network";
            if (isInverted ? block.Shortcut || (!block.Expands && block.Hidden != block.Inputs)
                : !block.Expands || (block.Kind != CnnBlockKind.Dropped && !block.Shortcut && (block.Inputs != block.Outputs || block.Stride != 1)))
                return $"block {i} cannot add its input of {block.Inputs} channels to its output of {block.Outputs}";
            if (i > 0 && block.Stage < net.Blocks[i - 1].Stage) return $"block {i} goes back to stage {block.Stage}";
            width = block.Outputs;
        }
        return null;
    }
}
