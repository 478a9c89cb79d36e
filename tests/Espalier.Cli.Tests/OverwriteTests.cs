using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>--force replaces an earlier result, never what the command reads.</summary>
public sealed class OverwriteTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("compress MODEL --keep-macs 0.75 --images IMAGES --steps 0 -o MODEL")]
    [InlineData("compress MODEL --keep-macs 0.75 --images IMAGES --steps 0 --method dc-vit -o RUN")]
    [InlineData("compress MODEL --keep-macs 0.75 --images RUN/images --steps 0 -o RUN")]
    [InlineData("compress OTHER --keep-macs 0.75 --images IMAGES --steps 0 --like MODEL -o RUN")]
    [InlineData("compress OTHER --keep-macs 0.75 --images RUN/images --samples RUN/samples.txt --steps 0 -o RUN")]
    [InlineData("compress OTHER --keep-macs 0.75 --images IMAGES --method dc-vit --metric-set RUN/images --steps 1 -o RUN")]
    [InlineData("rank MODEL --keep-macs 0.75 --images IMAGES --steps 1 -o RUN")]
    [InlineData("sweep MODEL --from 0.9 --to 0.8 --points 2 --images IMAGES --steps 0 -o RUN")]
    [InlineData("search OTHER --keep-macs 0.75 --data RUN/images --steps 1 -o RUN")]
    [InlineData("finetune MODEL --data IMAGES --steps 1 -o LINK")]
    [InlineData("train MODEL --data IMAGES --steps 1 -o MODEL")]
    [InlineData("train vit_tiny_patch16_224 --data IMAGES --eval RUN/images --steps 1 -o RUN")]
    [InlineData("synthesize MODEL -n 2 --steps 1 -o RUN/.")]
    public void What_a_command_reads_is_not_replaced_by_what_it_writes(string commandLine)
    {
        var before = Prepare();
        var run = CliRun.Of([.. Words(commandLine), "--force", "--quiet"]);
        run.Code.ShouldBe(ExitCodes.Usage, run.Error);
        run.ErrorLine.ShouldContain("which the run reads");
        Files().ShouldBe(before);
    }

    [Fact]
    public void Somebody_elses_folder_keeps_its_images_whatever_is_put_beside_them()
    {
        Prepare();
        var images = Directory.GetFiles(_folder["photos"]);
        var run = CliRun.Of([.. Words("compress OTHER --keep-macs 0.75 --images IMAGES -n 4 --steps 0 -o IMAGES"), "--force", "--quiet"]);
        run.Code.ShouldBe(0, run.Error);
        images.ShouldAllBe(image => File.Exists(image));
        File.Exists(Path.Combine(_folder["photos"], "model.safetensors")).ShouldBeTrue();
    }

    [Fact]
    public void A_taken_output_is_noticed_before_a_structure_is_timed()
    {
        Prepare();
        var run = CliRun.Of(Words("compress OTHER --latency 70% --images IMAGES --steps 0 -o RUN"));
        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldContain("already holds");
    }

    // A run of its own that holds a model, images and a list, as runs do; beside it a model and images.
    private string[] Prepare()
    {
        _folder.WriteModel("other", depth: 4);
        _folder.WriteImages("photos", 8, 0, 1, 2, 3, 4, 5, 0, 1);
        CliRun.Of(Words("synthesize OTHER -n 1 --steps 1 --quiet -o RUN")).Code.ShouldBe(0);
        _folder.WriteModel("run/model", depth: 4);
        _folder.WriteImages("run/images", 8, 0, 1, 2, 3, 4, 5, 0, 1);
        _folder.Write("run/samples.txt", "1.png\n3.png\n");
        Directory.CreateSymbolicLink(_folder["link"], _folder["run"]);
        return Files();
    }

    private string[] Files() => [.. Directory.GetFiles(_folder["run"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private string[] Words(string commandLine) => [.. commandLine.Split(' ').Select(word => word
        .Replace("MODEL", _folder["run/model"]).Replace("OTHER", _folder["other"]).Replace("IMAGES", _folder["photos"])
        .Replace("RUN", _folder["run"]).Replace("LINK", _folder["link"]))];
}
