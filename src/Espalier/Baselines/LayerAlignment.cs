using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Baselines;

/// <summary>How a convolutional network that was narrowed is brought back to the teacher layer by layer, without a gradient step.</summary>
public enum AlignmentRule
{
    /// <summary>
    /// FSKD (Li et al., CVPR 2020): a 1×1 convolution after the last one of every block, solved so that the block leaves what the teacher's leaves, and folded
    /// into it.
    /// </summary>
    Fskd,
    /// <summary>
    /// Cross distillation (Bai et al., AAAI 2020): a convolution whose inputs were cut is solved on two kinds of inputs at once. On the teacher's, which
    /// corrects what is missing there, and on the student's, where it imitates what the teacher's convolution makes of them.
    /// </summary>
    CrossDistillation,
}

/// <summary>
/// The walk through a convolutional network that narrows block after block and aligns it: rivals of <see cref="ConvolutionRepair"/>, which solves
/// the last convolution on the student's maps towards the teacher's. All of them see a layer before its activation, where it is linear, so that
/// least squares take the place of the papers' gradient steps.
/// </summary>
/// <param name="teacher">The original network.</param>
/// <param name="rule">How a block is aligned.</param>
/// <param name="units">Which channels stay.</param>
public sealed class LayerAlignment(CnnModel teacher, AlignmentRule rule, UnitCut units)
{
    // What the teacher's inputs count, and what the student's: both alike.
    private const double Correction = 0.5;
    // Only so much that a system without a single solution has one.
    private const double Strength = 1e-5;

    /// <summary>The teacher narrowed to a structure and aligned; it stays as it is.</summary>
    /// <param name="target">The teacher's architecture, with inner channels as they shall be: at least 1, and no more than the teacher's.</param>
    /// <param name="calibration">The images.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public CnnModel Run(CnnArchitecture target, Calibration calibration, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var most = CnnRepairPass.MostOf(teacher.Architecture);
        using var wanted = calibration.Embed(teacher, cancellation, most);
        using var seen = calibration.Embed(teacher, cancellation, most);
        var student = teacher.Clone();
        try
        {
            for (var i = 0; i < target.Depth; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                var (at, hidden) = (i, target.Blocks[i].Hidden);
                if (target.Blocks[i].Kind != CnnBlockKind.Dropped)
                    student = student.Then(s => rule == AlignmentRule.Fskd ? Mixed(s, at, hidden, seen, wanted) : Crossed(s, at, hidden, seen, wanted));
                var after = student;
                seen.Advance(x => after.Blocks(x, at, at + 1), cancellation);
                wanted.Advance(x => teacher.Blocks(x, at, at + 1), cancellation);
            }
            return student;
        }
        catch
        {
            student.Dispose();
            throw;
        }
    }

    // FSKD: Q·(what the branch gives) + q ≈ (what the teacher has before the activation after the addition) − (what skips the branch).
    private CnnModel Mixed(CnnModel student, int block, int hidden, TokenStream seen, TokenStream wanted)
    {
        using var scope = new TensorScope();
        using var cut = units.Narrowed(student, block, hidden);
        var map = cut.Map(block, ^1);
        var outputs = (int)map.Matrix.Size(0);
        using var sums = new GramSums(outputs, outputs, folds: 1, cut.Device);
        for (var k = 0; k < seen.Count; k++)
        {
            using var batch = new TensorScope();
            var sum = teacher.Sum(block, wanted[k]);
            Add(sums, cut.AsTokens(cut.Linear(block, ^1, cut.Before(block, ^1, seen[k]))), cut.AsTokens(cut.Skip(block, seen[k]) is { } skip ? sum - skip : sum));
        }
        var identity = Tensor.Eye(outputs, DType.Float64, cut.Device);
        var solved = Solve(sums, Tensor.Cat([identity, Tensor.Zeros([outputs, 1], DType.Float64, cut.Device)], 1));
        var (mix, shift) = (solved.Narrow(1, 0, outputs), solved.Select(1, outputs));
        return cut.ReplaceLayer(block, ^1, mix.MatMul(map.Matrix), mix.MatMul(map.Offset) + shift);
    }

    // Cross distillation: first the middle convolution of a bottleneck, then the last, each with zeros for the inputs that go; then those are cut out.
    private CnnModel Crossed(CnnModel student, int block, int hidden, TokenStream seen, TokenStream wanted)
    {
        // On inputs that are all there, the teacher's convolution is the solution.
        if (hidden == student.Architecture.Blocks[block].Hidden) return student.Clone();
        var (last, first) = units.Channels(student, block, hidden);
        using var middle = first.Length > 0 ? Crossed(student, block, 1, first, seen, wanted) : student.Clone();
        using var whole = Crossed(middle, block, ^1, last, seen, wanted);
        return whole.KeepHidden(block, last, first);
    }

    private CnnModel Crossed(CnnModel student, int block, Index layer, int[] kept, TokenStream seen, TokenStream wanted)
    {
        using var scope = new TensorScope();
        var map = student.Map(block, layer);
        var (inputs, all) = (map.Inputs(kept), (int)map.Matrix.Size(1));
        using var sums = new GramSums(inputs.Length, (int)map.Matrix.Size(0), folds: 1, student.Device);
        for (var k = 0; k < seen.Count; k++)
        {
            using var batch = new TensorScope();
            Add(teacher.Before(block, layer, wanted[k]), Correction);
            Add(student.Before(block, layer, seen[k]), 1 - Correction);
        }
        var solved = Ridge.Widen(Solve(sums, map.Affine.IndexSelect(1, [.. inputs, all])), inputs, all);
        return student.ReplaceLayer(block, layer, solved.Narrow(1, 0, all), solved.Select(1, all));

        void Add(Tensor x, double weight) => LayerAlignment.Add(sums,
            x.IndexSelect(1, kept).Unfold(map.Kernel, map.Stride).Transpose(1, 2), teacher.AsTokens(teacher.Linear(block, layer, x)), weight);
    }

    private static void Add(GramSums sums, Tensor inputs, Tensor wanted, double weight = 1) =>
        sums.Add(inputs, wanted, Tensor.Full([inputs.Size(1)], weight, DType.Float64, inputs.Device), fold: 0);

    private static Tensor Solve(GramSums sums, Tensor prior)
    {
        using var scope = new TensorScope();
        return scope.Keep(Ridge.Solve(sums.Gram(), sums.Cross(), prior, [.. Enumerable.Range(0, sums.Inputs)], Strength));
    }
}
