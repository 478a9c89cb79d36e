using Espalier.Models;
using Espalier.Models.Cnn;

namespace Espalier.Repair;

/// <summary>
/// The walk through a convolutional network: in every block inner channels are cut, and the last convolution of the branch is solved towards what the
/// teacher has before the activation after the addition.
/// </summary>
/// <param name="teacher">The original network.</param>
/// <param name="calibration">The images.</param>
/// <param name="sensitivity">What errors cost.</param>
/// <param name="options">Switches.</param>
public sealed class CnnRepairPass(CnnModel teacher, Calibration calibration, Sensitivity sensitivity, RepairOptions options)
    : RepairPass(teacher, calibration, sensitivity, options)
{
    // Of each of the streams, three at a time. Maps are large early on, where each holds thousands of places to fit to.
    private const long MostBytes = 1L << 30;

    private protected override long MostImages => MostOf(teacher.Architecture);

    /// <summary>Images whose maps are few enough to be held at any depth.</summary>
    internal static long MostOf(CnnArchitecture net) =>
        MostBytes / Enumerable.Range(0, net.Depth).Max(i => (long)net.SideAfter(i) * net.SideAfter(i) * net.Blocks[i].Outputs * sizeof(float));

    private protected override void Block(ref Model student, int i, Architecture target, TokenStream tokens, TokenStream wanted, CancellationToken cancellation)
    {
        using var sums = wanted.Through(x => teacher.Sum(i, x), cancellation);
        wanted.AdvanceFrom(sums, x => teacher.Activate(i, x), cancellation);
        var (before, goal) = ((CnnModel)student, ((CnnArchitecture)target).Blocks[i]);
        if (before.Architecture.Blocks[i].Kind != CnnBlockKind.Dropped)
            student = student.Then(s =>
            {
                if (goal.Kind == CnnBlockKind.Dropped) return before.DropBlock(i);
                using var repair = new ConvolutionRepair(before, i, tokens, sums, Layer(Sensitivity.AfterBlock(i), $"block {i}", cancellation));
                Model To(Architecture net) => repair.Cut(((CnnArchitecture)net).Blocks[i].Hidden);
                OnCut?.Invoke(new CutPoint(i, [WidthKind.Hidden], target.Prefix(i), target, To));
                return To(target);
            });
        var after = student;
        tokens.Advance(x => after.Blocks(x, i, i + 1), cancellation);
    }
}
