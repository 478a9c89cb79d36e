using System.CommandLine;
using Espalier.Budget;
using Espalier.Cli.Options;
using Espalier.Cli.Output;

namespace Espalier.Cli.Commands;

/// <summary>What <c>plan</c> is asked.</summary>
public sealed record PlanOptions(string Model, Target Target, MethodSettings Method, string? Images, int Count = 500);

internal sealed class PlanCommand : CliCommand
{
    private readonly Argument<string> _model;
    private readonly TargetOptions _target;
    private readonly OwnOptions _own = new();
    private readonly Option<string?> _images;
    private readonly Option<int?> _count;
    private readonly MethodOptions _method;

    public PlanCommand() : base("plan", "Lists every structure that meets a target, without any training.")
    {
        _model = AddArgument("MODEL", "A model folder, a weights file, fashion-vit or a timm name.");
        _target = AddGroup(new TargetOptions());
        _images = _own.Text("--images", "DATA", "Images, for methods that look at them.");
        _count = _own.Int("--number", "N", "How many of them to draw (default 500).", 1, "-n");
        AddGroup(_own);
        _method = AddGroup(new MethodOptions(MethodNames.DcVit));
        Complete();
    }

    public override IReadOnlyList<string> Examples =>
        ["espalier plan vit_tiny_patch16_224 --keep-macs 0.75", "espalier plan vit_base_patch16_224 --reduce-macs 25% --count full --json"];

    protected override CommandResult Run(ParseResult parsed, CommandContext context) =>
        Handlers.Plan(new(parsed.GetRequiredValue(_model), _target.Read(parsed), _method.Read(parsed), parsed.GetValue(_images), parsed.GetValue(_count) ?? 500), context);
}
