using System.Text.Json;
using Espalier.Cli.Options;

namespace Espalier.Cli.Output;

/// <summary>Puts a result on stdout: one JSON document, or tables and text.</summary>
internal static class ResultOutput
{
    public static void Write(CommandResult result, CommonSettings common, CliStreams streams)
    {
        if (common.Json) streams.Out.WriteLine(JsonSerializer.Serialize(result, result.GetType(), ResultJson.Default));
        else result.Write(Consoles.For(streams.Out, streams.OutIsTerminal, streams.Width));
        streams.Out.Flush();
    }
}
