using System.Diagnostics;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Espalier.Testing;

/// <summary>
/// A headless Chromium with one tab, steered by its DevTools protocol: what a page looks like to a person, and what it says on its console.
/// Nothing leaves the machine: pages are files.
/// </summary>
internal sealed class Browser : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly TemporaryProfile _profile = new();
    private readonly Process _process;
    private readonly ClientWebSocket _socket = new();
    private readonly List<string> _complaints = [];
    private int _last;

    private Browser(string program)
    {
        _process = Process.Start(new ProcessStartInfo(program,
        [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--remote-debugging-port=0", $"--user-data-dir={_profile.Path}", "about:blank",
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
    }

    /// <summary>Everything the pages complained about: errors and warnings on the console, uncaught exceptions, failed loads.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    /// <summary>Starts Chromium; skips the running test, with the reason, where there is none.</summary>
    public static async Task<Browser> Start()
    {
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Select(folder => Path.Combine(folder, "chromium")).FirstOrDefault(File.Exists);
        Skip.If(program is null, "needs chromium (Debian package chromium)");
        var browser = new Browser(program!);
        try
        {
            await browser.Connect();
            return browser;
        }
        catch
        {
            browser.Dispose();
            throw;
        }
    }

    /// <summary>Opens a file at a width in pixels of the screen and waits until it is loaded and its charts are drawn.</summary>
    public async Task Open(string file, int width, bool dark = false)
    {
        await Ask("Emulation.setDeviceMetricsOverride", new JsonObject { ["width"] = width, ["height"] = 900, ["deviceScaleFactor"] = 1, ["mobile"] = width < 600 });
        await Ask("Emulation.setEmulatedMedia", new JsonObject
        {
            ["features"] = new JsonArray(new JsonObject { ["name"] = "prefers-color-scheme", ["value"] = dark ? "dark" : "light" }),
        });
        await Ask("Page.navigate", new JsonObject { ["url"] = new Uri(Path.GetFullPath(file)).AbsoluteUri });
        var patience = Stopwatch.StartNew();
        while (!await Evaluate<bool>("document.readyState === 'complete' && (!document.getElementById('vega') || document.documentElement.dataset.charts !== undefined)"))
        {
            if (patience.Elapsed > s_patience) throw new TimeoutException($"{file} was not drawn in {s_patience.TotalSeconds} s. {string.Join(' ', _complaints)}");
            await Task.Delay(50);
        }
    }

    /// <summary>The value of a JavaScript expression on the page.</summary>
    public async Task<T> Evaluate<T>(string expression)
    {
        var answer = await Ask("Runtime.evaluate", new JsonObject { ["expression"] = expression, ["returnByValue"] = true, ["awaitPromise"] = true });
        if (answer["exceptionDetails"] is { } error) throw new InvalidOperationException($"{expression}: {error.ToJsonString()}");
        return answer["result"]!["value"].Deserialize<T>()!;
    }

    /// <summary>Writes a picture of the whole page, as PNG.</summary>
    public async Task Picture(string file)
    {
        var size = (await Ask("Page.getLayoutMetrics", []))["cssContentSize"]!.DeepClone().AsObject();
        size["scale"] = 1;
        var answer = await Ask("Page.captureScreenshot", new JsonObject { ["captureBeyondViewport"] = true, ["format"] = "png", ["clip"] = size });
        await File.WriteAllBytesAsync(file, Convert.FromBase64String(answer["data"]!.GetValue<string>()));
    }

    public void Dispose()
    {
        _socket.Dispose();
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _profile.Dispose();
    }

    private async Task Connect()
    {
        using var patience = new CancellationTokenSource(s_patience);
        var said = new StringBuilder();
        string? address = null;
        while (address is null && await _process.StandardError.ReadLineAsync(patience.Token) is { } line)
        {
            said.AppendLine(line);
            if (line.StartsWith("DevTools listening on ", StringComparison.Ordinal)) address = line["DevTools listening on ".Length..];
        }
        if (address is null) throw new InvalidOperationException($"Chromium ended: {said}");
        _ = _process.StandardError.ReadToEndAsync(CancellationToken.None);
        using var http = new HttpClient();
        var tabs = JsonNode.Parse(await http.GetStringAsync($"http://{new Uri(address).Authority}/json/list", patience.Token))!.AsArray();
        var tab = tabs.First(t => t!["type"]!.GetValue<string>() == "page")!;
        await _socket.ConnectAsync(new Uri(tab["webSocketDebuggerUrl"]!.GetValue<string>()), patience.Token);
        foreach (var domain in new[] { "Page", "Runtime", "Log" }) await Ask($"{domain}.enable", []);
    }

    // One question at a time; what comes before the answer are events.
    private async Task<JsonObject> Ask(string method, JsonObject parameters)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var id = ++_last;
        var question = new JsonObject { ["id"] = id, ["method"] = method, ["params"] = parameters };
        await _socket.SendAsync(Encoding.UTF8.GetBytes(question.ToJsonString()), WebSocketMessageType.Text, true, patience.Token);
        while (true)
        {
            var message = await Receive(patience.Token);
            if (message["id"]?.GetValue<int>() == id)
                return message["result"]?.AsObject() ?? throw new InvalidOperationException($"{method}: {message["error"]?.ToJsonString()}");
            Note(message);
        }
    }

    private async Task<JsonObject> Receive(CancellationToken cancellation)
    {
        using var text = new MemoryStream();
        var buffer = new byte[1 << 16];
        WebSocketReceiveResult part;
        do
        {
            part = await _socket.ReceiveAsync(buffer, cancellation);
            text.Write(buffer, 0, part.Count);
        }
        while (!part.EndOfMessage);
        return JsonNode.Parse(text.ToArray())!.AsObject();
    }

    private void Note(JsonObject message)
    {
        var parameters = message["params"]?.AsObject();
        var complaint = message["method"]?.GetValue<string>() switch
        {
            "Runtime.exceptionThrown" => parameters!["exceptionDetails"]!.ToJsonString(),
            "Runtime.consoleAPICalled" when parameters!["type"]!.GetValue<string>() is "error" or "warning" or "assert" => parameters["args"]!.ToJsonString(),
            "Log.entryAdded" when parameters!["entry"]!["level"]!.GetValue<string>() is "error" or "warning" => parameters["entry"]!["text"]!.GetValue<string>(),
            _ => null,
        };
        if (complaint is not null) _complaints.Add(complaint);
    }

    private sealed class TemporaryProfile : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("espalier-browser").FullName;

        public void Dispose()
        {
            try
            {
                Directory.Delete(Path, recursive: true);
            }
            catch (IOException)
            {
                // A child of the browser may still write; the folder of temporary files is emptied by the system.
            }
        }
    }
}
