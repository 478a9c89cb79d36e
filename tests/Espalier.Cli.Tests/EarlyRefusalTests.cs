using Espalier.Testing;

namespace Espalier.Cli.Tests;

/// <summary>What can be known to fail is refused before there is a run folder, with the code that says what to change.</summary>
public sealed class EarlyRefusalTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(2, "mixup 5", "search MODEL --keep-macs 0.75 --data DATA --mixup 5 --steps 1")]
    [InlineData(3, "4 classes, the model 6", "search MODEL --keep-macs 0.75 --data FOUR --steps 1")]
    [InlineData(2, "8 images kept aside leave none of the 8 to train on (--hold-out).", "search MODEL --keep-macs 0.75 --data DATA --hold-out 8 --steps 1")]
    [InlineData(3, "labels up to 6", "search MODEL --keep-macs 0.75 --data DATA --eval SEVEN --steps 1")]
    [InlineData(2, "mixup 5", "train MODEL --data DATA --mixup 5 --steps 1")]
    [InlineData(2, "9 images kept aside leave none of the 8 to train on (--hold-out).", "train MODEL --data DATA --hold-out 9 --steps 1")]
    [InlineData(3, "labels up to 6", "finetune MODEL --data DATA --eval SEVEN --steps 1")]
    [InlineData(3, "7.png is not an image", "compress MODEL --keep-macs 0.75 --images FOUR --samples LIST --steps 1")]
    [InlineData(2, "not where they lie", "compress MODEL --keep-macs 0.75 --samples LIST --steps 1")]
    [InlineData(2, "--blocks names those it ranks", "rank MODEL --keep-macs 0.75 --images DATA --order 2 --steps 1")]
    [InlineData(3, "no such folder", "compress MODEL --keep-macs 0.75 --images DATA --method dc-vit --metric-set MODEL/none --steps 1")]
    [InlineData(2, "goes with images", "compress MODEL --keep-macs 0.75 --method dc-vit --metric-set DATA --steps 1")]
    [InlineData(2, "goes with images", "sweep MODEL --from 0.9 --to 0.8 --points 2 --metric-set DATA --steps 1")]
    [InlineData(3, "a single image", "compress MODEL --keep-macs 0.75 --images DATA -n 1 --method magnitude --steps 1")]
    [InlineData(3, "labels up to 6", "compress MODEL --keep-macs 0.75 --images DATA --eval SEVEN --steps 1")]
    [InlineData(3, "labels up to 6", "rank MODEL --keep-macs 0.75 --images DATA --eval SEVEN --steps 1")]
    public void Nothing_is_written(int code, string message, string commandLine)
    {
        var run = CliRun.Of([.. Words(commandLine), "-o", _folder["out"]]);
        run.Code.ShouldBe(code, run.Error);
        run.Error.ShouldContain(message);
        Directory.Exists(_folder["out"]).ShouldBeFalse("a run folder was made");
    }

    private string[] Words(string commandLine)
    {
        _folder.WriteModel("model", depth: 4);
        _folder.WriteImages("data", 8, 0, 1, 2, 3, 4, 5, 0, 1);
        _folder.WriteImages("four", 4, 0, 1, 2, 3);
        _folder.WriteImages("seven", 7, 0, 1, 2, 3, 4, 5, 6);
        _folder.Write("list.txt", "0.png\n7.png\n");
        return [.. commandLine.Split(' ').Select(word => word.Replace("MODEL", _folder["model"]).Replace("DATA", _folder["data"])
            .Replace("FOUR", _folder["four"]).Replace("SEVEN", _folder["seven"]).Replace("LIST", _folder["list.txt"]))];
    }
}
