using Espalier.Cli.Commands;
using Espalier.Reports;
using Espalier.Runs;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class ResumeTests
{
    [Fact]
    public void A_recorded_command_line_can_be_pasted_into_a_shell() =>
        CommandLineText.Of(["compress", "my model", "--keep-macs", "0.75", "it's", ""]).ShouldBe("espalier compress 'my model' --keep-macs 0.75 'it'\\''s' ''");

    [Fact]
    public void Resume_runs_the_recorded_command_again()
    {
        using var folder = new TemporaryFolder();
        RunFolder.Create(folder["run"], Manifest("inspect", "vit_tiny_patch16_224"), force: false).Dispose();

        var run = CliRun.Of("resume", folder["run"], "--json");

        run.Code.ShouldBe(0);
        run.Out.ShouldContain("\"architecture\": \"vit_tiny_patch16_224\"");
    }

    [Fact]
    public void A_run_recorded_by_another_version_is_an_invalid_input()
    {
        using var folder = new TemporaryFolder();
        RunFolder.Create(folder["run"], Manifest("transmogrify"), force: false).Dispose();

        CliRun.Of("resume", folder["run"]).Code.ShouldBe(ExitCodes.Input);
    }

    [Fact]
    public void A_run_that_a_program_began_is_left_to_that_program()
    {
        using var folder = new TemporaryFolder();
        var manifest = Manifest("compress") with { Arguments = [] };
        RunFolder.Create(folder["run"], manifest, force: false).Dispose();

        var run = CliRun.Of("resume", folder["run"]);

        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldContain("ExistingRun.GoOn");
    }

    private static RunManifest Manifest(params string[] arguments) =>
        new() { Command = arguments[0], Arguments = [.. arguments], WorkingDirectory = Directory.GetCurrentDirectory(), Version = "0.1.0" };
}
