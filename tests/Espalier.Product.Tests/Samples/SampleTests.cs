using System.Net;
using System.Text.Json;
using Espalier.Models.Formats;
using Espalier.Testing;

namespace Espalier.Product.Tests.Samples;

/// <summary>Each sample does what it says, on the bundled model.</summary>
public sealed class SampleTests : IDisposable
{
    private static readonly string s_images = Path.Combine(SharedData.Root, "models", "fashion-vit", "images");
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_checkpoint_is_compressed_in_twenty_lines()
    {
        var output = Run("CompressCheckpoint", "fashion-vit", Unlabelled(24), "small", "0.1");
        output.ShouldContain("repaired: KL ");
        output.ShouldContain("ONNX: ");
        var small = EspalierModel.Open(_folder["small"]);
        ((double)small.Cost.MacsBudget).ShouldBeInRange(0.7 * 79_180_032, 0.75 * 79_180_032);
        File.ReadLines(Path.Combine(SharedData.Root, "samples", "CompressCheckpoint", "Program.cs"))
            .Count(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal)).ShouldBeLessThanOrEqualTo(20);
    }

    [Fact]
    public void A_family_has_a_model_that_fits_a_device()
    {
        var output = Run("DenseFamily", "fashion-vit", Unlabelled(24), "family", "60", "0.2");
        output.ShouldContain("for this device: family/models/0.7000");
        EspalierModel.Open(_folder["family/models/0.7000"]).Cost.MacsFull.ShouldBeLessThan(60_000_000);
    }

    [Fact]
    public async Task A_compressed_model_answers_over_http()
    {
        using var server = ChildProcess.Start(_folder.Path, "dotnet", ChildProcess.Sample("ServeModel"), "--model", "fashion-vit", "--urls", "http://127.0.0.1:0");
        try
        {
            var address = await AddressOf(server);
            using var client = new HttpClient { BaseAddress = new Uri(address) };
            var images = Directory.GetFiles(Path.Combine(s_images, "test"), "*.png").Order(StringComparer.Ordinal).Take(8).ToList();
            var labels = File.ReadLines(Path.Combine(s_images, "test", "labels.txt")).ToDictionary(l => l.Split(' ')[0], l => int.Parse(l.Split(' ')[1]));

            var answers = await Task.WhenAll(images.Select(async image =>
            {
                using var content = new ByteArrayContent(await File.ReadAllBytesAsync(image));
                using var answer = await client.PostAsync("/classify", content);
                answer.StatusCode.ShouldBe(HttpStatusCode.OK);
                return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement[0].GetProperty("class").GetInt32() == labels[Path.GetFileName(image)];
            }));

            answers.Count(right => right).ShouldBeGreaterThanOrEqualTo(6);
            using var noImage = new StringContent("no image");
            (await client.PostAsync("/classify", noImage)).StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        }
        finally
        {
            server.Kill(entireProcessTree: true);
        }
    }

    [Fact]
    public void OFB_finds_a_network_for_a_folder_of_images()
    {
        foreach (var (path, label) in Labelled(40).Where(i => i.Label is 0 or 1 or 8))
        {
            var target = Directory.CreateDirectory(_folder[$"photos/class-{label}"]).FullName;
            File.Copy(path, Path.Combine(target, Path.GetFileName(path)));
        }
        var output = Run("SearchOwnImages", "fashion-vit", "photos", "found", "2");
        output.ShouldContain("head");
        var found = EspalierModel.Open(_folder["found/small"]);
        found.Architecture.Classes.ShouldBe(3);
        ((double)found.Cost.MacsBudget).ShouldBeLessThanOrEqualTo(0.5 * EspalierModel.Open(_folder["found/dense"]).Cost.MacsBudget * (1 + 1e-8));
        found.ClassNames.ShouldBe(["class-0", "class-1", "class-8"]);
    }

    [Fact]
    public void A_repair_makes_up_for_an_edit_of_ones_own()
    {
        foreach (var (path, _) in Labelled(100)) Copy(path, "labelled");
        File.Copy(Path.Combine(s_images, "test", "labels.txt"), _folder["all-labels.txt"]);
        var names = Directory.GetFiles(_folder["labelled"]).Select(Path.GetFileName).ToHashSet();
        _folder.Write("labelled/labels.txt", string.Concat(File.ReadLines(_folder["all-labels.txt"]).Where(l => names.Contains(l.Split(' ')[0])).Select(l => l + "\n")));

        var lines = Run("CustomEdit", "fashion-vit", Unlabelled(100), "labelled", "edited").Split('\n');

        double Kl(string name) => double.Parse(lines.Single(l => l.StartsWith(name + ":", StringComparison.Ordinal)).Split(' ')[2].TrimEnd(','));
        Kl("repaired").ShouldBeLessThan(0.7 * Kl("cut"));
        EspalierModel.Open(_folder["edited"]).Blocks[3].MlpHidden.ShouldBe(256);
    }

    [Fact]
    public void Progress_reaches_a_user_interface_and_a_stopped_run_goes_on()
    {
        var images = Unlabelled(24);
        var (code, output, error) = ChildProcess.Try(_folder.Path, "dotnet", ChildProcess.Sample("ProgressInUi"), "fashion-vit", images, "run", "0.15", "1.5");
        code.ShouldBe(2, error);
        output.ShouldContain("stopped; start again to go on");
        File.Exists(_folder["run/" + ModelFolder.WeightsFile]).ShouldBeFalse();

        var rest = Run("ProgressInUi", "fashion-vit", images, "run", "0.15");
        rest.ShouldMatch(@"\[[# ]{20}\] \w+");
        rest.ShouldContain("done: ");
        File.Exists(_folder["run/" + ModelFolder.WeightsFile]).ShouldBeTrue();
    }

    private string Run(string sample, params string[] arguments) => ChildProcess.Run(_folder.Path, "dotnet", [ChildProcess.Sample(sample), .. arguments]);

    private string Unlabelled(int count)
    {
        foreach (var image in Directory.GetFiles(Path.Combine(s_images, "unlabelled")).Order(StringComparer.Ordinal).Take(count)) Copy(image, "unlabelled");
        return "unlabelled";
    }

    private static IEnumerable<(string Path, int Label)> Labelled(int count) => File.ReadLines(Path.Combine(s_images, "test", "labels.txt"))
        .Select(l => l.Split(' ')).GroupBy(l => int.Parse(l[1]), l => Path.Combine(s_images, "test", l[0]))
        .SelectMany(g => g.Take(count).Select(path => (path, g.Key)));

    private void Copy(string path, string folder) => File.Copy(path, Path.Combine(Directory.CreateDirectory(_folder[folder]).FullName, Path.GetFileName(path)));

    private static async Task<string> AddressOf(System.Diagnostics.Process server)
    {
        const string Marker = "Now listening on: ";
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (await server.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            if (line.IndexOf(Marker, StringComparison.Ordinal) is >= 0 and var at) return line[(at + Marker.Length)..];
        throw new InvalidOperationException(await server.StandardError.ReadToEndAsync(patience.Token));
    }
}
