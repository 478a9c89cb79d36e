using Espalier.Testing;

namespace Espalier.Cli.Tests.Options;

/// <summary>An option does something, or is refused.</summary>
public sealed class MethodTableTests
{
    private const string Blocks = "dc-vit drop-blocks practise", Finetuned = Blocks + " magnitude random fskd cd", FewShot = "espalier " + Finetuned;

    /// <summary>Options with a value that would change something, and the methods that look at them.</summary>
    public static TheoryData<string, string> Rows => new()
    {
        { "--profile official", Finetuned + " ofb" },
        { "--k 2", Blocks },
        { "--order first", Blocks },
        { "--order 2,4", Blocks },
        { "--blocks 1..10", Blocks },
        { "--keep attn:3", FewShot },
        { "--unit-choice gelu_sample", "dc-vit" },
        { "--variant rm_attn", "dc-vit" },
        { "--variant once", "dc-vit drop-blocks" },
        { "--update all", Finetuned },
        { "--feature after_gap", Finetuned },
        { "--loss kd", Finetuned },
        { "--augment full", Finetuned },
        { "--metric-set images", FewShot },
        { "--metric mse", FewShot },
        { "--multiple-of 8", "espalier" },
        { "--merge-tokens", "espalier" },
        { "--like no-such-model", "espalier" },
        { "--lr 1e-3", FewShot },
        { "--samples list.txt", FewShot },
        { "--rank-steps 3", Blocks },
        { "--synthesis-steps 3", FewShot },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void Every_method_refuses_what_it_does_not_look_at(string option, string methods)
    {
        foreach (var command in new[] { "plan m --keep-macs 0.5", "compress m --keep-macs 0.5 -o out", "rank m --keep-macs 0.5 --images i", "sweep m --from 0.9 --to 0.5 -o out" })
            foreach (var method in "espalier dc-vit drop-blocks practise magnitude random fskd cd ofb".Split(' '))
            {
                // There is no model m: a command line that is taken comes as far as that, or to what its command says about the method.
                var run = CliRun.Of($"{command} --method {method} {option}");
                if (methods.Split(' ').Contains(method)) run.Error.ShouldNotContain("does not go with");
                else
                {
                    run.Code.ShouldBe(ExitCodes.Usage, $"{command} --method {method}");
                    run.ErrorLine.ShouldContain($"{option.Split(' ')[0]}");
                    run.ErrorLine.ShouldContain($"does not go with --method {method}; it belongs to {methods.Split(' ')[0]}");
                }
            }
    }

    [Theory]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --profile clean --method ofb")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --multiple-of 1")]
    [InlineData("plan vit_tiny_patch16_224 --params 4.3M --count full")]
    [InlineData("plan vit_tiny_patch16_224 --keep-macs 0.75 --unit-choice gelu_sample --update all --feature pre_gap --metric-set images")]
    public void What_changes_nothing_because_it_is_the_default_is_taken(string commandLine) => CliRun.Of(commandLine).Code.ShouldBe(0);
}
