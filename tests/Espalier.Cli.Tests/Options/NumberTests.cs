using System.CommandLine;
using Espalier.Cli.Commands;
using Espalier.Testing;

namespace Espalier.Cli.Tests.Options;

/// <summary>No number is too large to be told so.</summary>
public sealed class NumberTests
{
    [Fact]
    public void A_number_beyond_reckoning_is_wrong_usage_and_no_bug()
    {
        var checkedOptions = 0;
        foreach (var command in CommandTable.All())
            foreach (var option in command.Groups.SelectMany(g => g.Options).Where(o => IsNumber(o.ValueType)))
            {
                var most = option.ValueType == typeof(double?) && option.Name != "--minutes" ? "1e999" : option.Name == "--seed" ? "1e19" : "2e12";
                string[] required = [.. command.Groups.SelectMany(g => g.Options).Where(o => o.Required && o != option).SelectMany(o => new[] { o.Name, "0.5" })];
                string[] target = command.Groups.Any(g => g is Espalier.Cli.Options.TargetOptions) ? ["--keep-macs", "0.5"] : [];
                foreach (var value in new[] { most, "99999999999999999999999999", "1e300" }.Where(v => option.ValueType != typeof(double?) || v == most || option.Name == "--minutes"))
                {
                    var run = CliRun.Of([command.Name, .. command.Arguments.Select(_ => "no-such-thing"), .. target, .. required, option.Name, value]);
                    run.Code.ShouldBe(ExitCodes.Usage, $"{command.Name} {option.Name} {value}: {run.Error}");
                    run.ErrorLine.ShouldContain(option.Name);
                    checkedOptions++;
                }
            }
        checkedOptions.ShouldBeGreaterThan(100);
    }

    [Fact]
    public void A_batch_that_no_array_could_hold_is_wrong_usage()
    {
        var run = CliRun.Of("bench", "vit_tiny_patch16_224", "--batch", "100000", "--quiet");
        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldContain("give a smaller batch (--batch).");
    }

    private static bool IsNumber(Type type) => type == typeof(int?) || type == typeof(long?) || type == typeof(double?) || type == typeof(long[]);
}
