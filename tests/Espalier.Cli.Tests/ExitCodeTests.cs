using System.CommandLine;
using Espalier.Cli.Commands;
using Espalier.Cli.Output;
using Espalier.Testing;

namespace Espalier.Cli.Tests;

public sealed class ExitCodeTests
{
    [Theory]
    [InlineData("")]
    [InlineData("frobnicate")]
    [InlineData("--frobnicate")]
    [InlineData("inspect")]
    [InlineData("inspect a b")]
    [InlineData("inspect a --unknown")]
    [InlineData("inspect a --threads 0")]
    [InlineData("inspect a --threads many")]
    [InlineData("inspect a --seed -1")]
    [InlineData("inspect a --device gpu")]
    [InlineData("inspect a --device cuda:x")]
    [InlineData("inspect a --precision fp16")]
    [InlineData("plan vit_tiny_patch16_224")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --macs 1G")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 1.5")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs abc")]
    [InlineData("plan vit_tiny_patch16_224 --reduce-macs 100%")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --count thop")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --order 1,1")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --order 1..x")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --order 1,2 --k 3")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --keep head:0")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --switch norm_eps")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --method nothing")]
    [InlineData("compress m --keep-macs 0.75")]
    [InlineData("compress m --keep-macs 0.75 -o x --steps 3 --minutes 1")]
    [InlineData("compress m --keep-macs 0.75 -o x --minutes 0")]
    [InlineData("train a --data d -o x --steps 3 --epochs 1")]
    [InlineData("evaluate m")]
    [InlineData("export m")]
    [InlineData("export m -o x --opset 16")]
    [InlineData("resume")]
    [InlineData("report")]
    public void Wrong_usage_is_2_with_one_line(string commandLine)
    {
        var run = CliRun.Of(commandLine);

        run.Code.ShouldBe(ExitCodes.Usage);
        run.ErrorLine.ShouldStartWith("espalier: ");
        run.Out.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("inspect no-such-model")]
    [InlineData("inspect ./missing.safetensors")]
    [InlineData("resume no-such-run")]
    [InlineData("report no-such-run")]
    public void A_missing_input_is_3(string commandLine)
    {
        var run = CliRun.Of(commandLine);

        run.Code.ShouldBe(ExitCodes.Input);
        run.ErrorLine.ShouldStartWith("espalier: ");
    }

    [Fact]
    public void A_target_out_of_reach_is_4_and_names_the_range() =>
        CliRun.Of("plan vit_base_patch16_224 --keep-macs 0.99").ShouldSatisfyAllConditions(
            run => run.Code.ShouldBe(ExitCodes.Budget),
            run => run.ErrorLine.ShouldContain("reaches"));

    public static TheoryData<Exception, int> Errors => new()
    {
        { new FailureException("disk full"), 1 },
        { new UsageException("u"), 2 },
        { new InputException("i"), 3 },
        { new BudgetException("b"), 4 },
        { new VerificationException("v"), 5 },
        { new InvalidOperationException("a bug\nin two lines"), 1 },
        { new OutOfMemoryException(), 1 },
        { new OperationCanceledException(), 130 },
    };

    [Theory]
    [MemberData(nameof(Errors))]
    public void Every_kind_of_error_has_its_code(Exception error, int code)
    {
        var run = CliRun.Of(["probe"], [new Probe(_ => throw error)]);

        run.Code.ShouldBe(code);
        run.ErrorLine.ShouldStartWith("espalier: ");
    }

    [Fact]
    public void Verbose_shows_where_a_bug_is() =>
        CliRun.Of(["probe", "--verbose"], [new Probe(_ => throw new InvalidOperationException("a bug"))]).Error.ShouldContain("   at ");

    [Fact]
    public void Cancelling_names_the_command_that_goes_on()
    {
        using var folder = new TemporaryFolder();
        using var cancellation = new CancellationTokenSource();
        var output = folder["my run"];

        var run = CliRun.Of(["probe"], [new Probe(context =>
        {
            using var opened = context.OpenRun(output);
            cancellation.Cancel();
            context.Cancellation.ThrowIfCancellationRequested();
        })], cancellation.Token);

        run.Code.ShouldBe(ExitCodes.Cancelled);
        run.ErrorLine.ShouldContain($"espalier resume '{output}'");
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("inspect fashion-vit")]
    public void Results_that_cannot_be_written_are_a_failure_of_one_line(string line)
    {
        using var error = new StringWriter();
        EspalierApp.Run(line.Split(' '), new CliStreams(new FullDisk(), error), CancellationToken.None).ShouldBe(ExitCodes.Failure);
        error.ToString().ShouldBe("espalier: No space left on device\n");
    }

    private sealed class FullDisk : StringWriter
    {
        public override void Write(char value) => throw new IOException("No space left on device");

        public override void Write(string? value) => Write('x');

        public override void Write(char[] buffer, int index, int count) => Write('x');

        public override void WriteLine(string? value) => Write('x');
    }

    private sealed class Probe : CliCommand
    {
        private readonly Action<CommandContext> _work;

        public Probe(Action<CommandContext> work) : base("probe", "Does what the test says.")
        {
            _work = work;
            Complete();
        }

        public override IReadOnlyList<string> Examples => ["espalier probe"];

        protected override CommandResult? Run(ParseResult parsed, CommandContext context)
        {
            _work(context);
            return null;
        }
    }
}
