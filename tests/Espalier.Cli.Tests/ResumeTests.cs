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

    [Fact]
    public void A_resumed_run_that_is_stopped_names_the_command_that_goes_on_again()
    {
        using var folder = new TemporaryFolder();
        var model = folder.WriteModel();
        RunFolder.Create(folder["my run"], Manifest("synthesize", model, "-n", "2", "--steps", "3", "-o", folder["my run"]), force: false).Dispose();

        var run = CliRun.Of(["resume", folder["my run"], "--quiet"], null, new CancellationToken(canceled: true));

        run.Code.ShouldBe(ExitCodes.Cancelled);
        run.ErrorLine.ShouldBe($"espalier: Cancelled. What was done is kept; go on with: espalier resume '{folder["my run"]}'");
    }

    [Fact]
    public void On_a_terminal_the_command_that_goes_on_draws_the_only_bars()
    {
        using var folder = new TemporaryFolder();
        RunFolder.Create(folder["run"], Manifest("inspect", "vit_tiny_patch16_224"), force: false).Dispose();

        Draws("resume", folder["run"]).ShouldBe(Draws("inspect", "vit_tiny_patch16_224"));

        static int Draws(params string[] arguments)
        {
            using var error = new StringWriter();
            EspalierApp.Run(arguments, new CliStreams(TextWriter.Null, error, ErrorIsTerminal: true), default).ShouldBe(0);
            return error.ToString().Split("\e[?25l").Length - 1; // every set of bars hides the cursor
        }
    }

    [Theory]
    [InlineData("--threads 3", "--threads", "3")]
    [InlineData("--precision bf16", "--precision", "bf16")]
    [InlineData("--save-every 7", "--save-every", "7")]
    [InlineData("--device cuda:0", "--device", "cuda:0")]
    [InlineData("--threads 3 --json --verbose", "--threads", "3")]
    public void How_to_compute_is_the_resuming_command_lines_choice(string typed, string option, string value)
    {
        var command = new InspectCommand();
        foreach (var recorded in new[] { $"inspect m {option} 1 --seed 5", $"inspect {option}=1 m --seed 5", "inspect m --seed 5", $"inspect m --seed 5 {option}:1" })
        {
            var line = command.Common.Over(recorded.Split(' '), command.Parse(["m", .. typed.Split(' ')])).ToList();

            line[0].ShouldBe("inspect");
            line[line.IndexOf(option) + 1].ShouldBe(value);
            line.Count(word => word.StartsWith(option, StringComparison.Ordinal)).ShouldBe(1);
            line[line.IndexOf("--seed") + 1].ShouldBe("5");
            line.Contains("--json").ShouldBe(typed.Contains("--json"));
            EspalierApp.Parse(line).Parsed.Errors.ShouldBeEmpty();
        }
    }

    [Fact]
    public void What_only_the_beginning_of_a_run_could_decide_is_said_to_change_nothing()
    {
        using var folder = new TemporaryFolder();
        RunFolder.Create(folder["run"], Manifest("inspect", "vit_tiny_patch16_224"), force: false).Dispose();

        var run = CliRun.Of("resume", folder["run"], "--seed", "4");

        run.Code.ShouldBe(0);
        run.Error.ShouldContain("--seed is the run's own");
    }

    private static RunManifest Manifest(params string[] arguments) =>
        new() { Command = arguments[0], Arguments = [.. arguments], WorkingDirectory = Directory.GetCurrentDirectory(), Version = "0.1.0" };
}
