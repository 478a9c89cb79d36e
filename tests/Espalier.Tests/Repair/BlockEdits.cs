using Espalier.Models.Vit;

namespace Espalier.Tests.Repair;

/// <summary>A change of one block.</summary>
/// <param name="Name">Shown by the test runner.</param>
/// <param name="Apply">From the block's widths to the narrower ones.</param>
/// <param name="Refit">Whether the first solve it brings about is that of a layer it leaves whole.</param>
/// <param name="FirstSolve">Where that solve acts: blocks on, and after the MLP or the attention.</param>
internal sealed record BlockEdit(string Name, Func<VitBlock, VitBlock> Apply, bool Refit, (int Later, bool AfterMlp) FirstSolve)
{
    public override string ToString() => Name;
}

/// <summary>Every kind of edit a repair pass makes, and mixes of them.</summary>
internal static class BlockEdits
{
    private static readonly (int, bool) s_attention = (0, false);
    private static readonly (int, bool) s_mlp = (0, true);

    public static readonly BlockEdit[] All =
    [
        new("fewer hidden units", b => b with { MlpHidden = b.MlpHidden / 2 }, Refit: false, s_mlp),
        new("one hidden unit", b => b with { MlpHidden = 1 }, Refit: false, s_mlp),
        new("narrower queries and keys", b => b with { QkDim = b.QkDim / 3 }, Refit: false, s_attention),
        new("narrower values", b => b with { VDim = b.VDim / 2 }, Refit: false, s_attention),
        new("fewer heads", b => b with { Heads = b.Heads - 1 }, Refit: false, s_attention),
        new("narrower attention", Narrower, Refit: false, s_attention),
        new("narrower block", b => Narrower(b) with { MlpHidden = b.MlpHidden / 3 }, Refit: false, s_attention),
        new("no attention", NoAttention, Refit: true, s_mlp),
        new("no attention, fewer hidden units", b => NoAttention(b) with { MlpHidden = b.MlpHidden / 2 }, Refit: false, s_mlp),
        new("mixer", b => NoAttention(b) with { MixerRank = 2 }, Refit: false, s_attention),
        new("mixer of rank 0, fewer hidden units", b => NoAttention(b) with { MixerRank = 0, MlpHidden = b.MlpHidden / 2 }, Refit: false, s_attention),
        new("no MLP", b => b with { MlpHidden = 0 }, Refit: true, s_mlp),
        new("no MLP, narrower attention", b => Narrower(b) with { MlpHidden = 0 }, Refit: false, s_mlp),
        // Nothing is left to solve in the block itself; the next one makes up for it.
        new("dropped", _ => new VitBlock(), Refit: true, (1, false)),
    ];

    public static BlockEdit Find(string name) => All.Single(e => e.Name == name);

    public static TheoryData<string> Names => [.. All.Select(e => e.Name)];

    private static VitBlock NoAttention(VitBlock b) => b with { Heads = 0, QkDim = 0, VDim = 0 };

    private static VitBlock Narrower(VitBlock b) => b with { Heads = b.Heads - 1, QkDim = b.QkDim / 2, VDim = b.VDim / 2 };
}
