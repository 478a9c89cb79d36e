using Espalier.Models.Cnn;
using Espalier.Models.Data;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// Keeps some inner channels of a convolutional block and solves its last convolution anew, with the offset of the norm after it, on the student's own
/// maps and towards the teacher's. A convolution is a linear layer of every pixel's neighbourhood; k·k inputs of it go with a channel. In a bottleneck
/// the middle convolution mixes inner channels, too: it is solved first, towards what it made of all of them.
/// </summary>
public sealed class ConvolutionRepair : IDisposable
{
    private const int MostImages = 200;
    private readonly CnnModel _model;
    private readonly int _index;
    private readonly LayerRepair _layer;
    private readonly TokenStream _inputs, _wanted;
    private readonly Lazy<GramSums> _sums, _middle;

    /// <param name="model">The student; it stays as it is.</param>
    /// <param name="index">Block that is there.</param>
    /// <param name="inputs">The student's maps before the block.</param>
    /// <param name="wanted">The teacher's maps after the block, before the activation after the addition.</param>
    /// <param name="layer">How to choose and solve.</param>
    internal ConvolutionRepair(CnnModel model, int index, TokenStream inputs, TokenStream wanted, LayerRepair layer)
    {
        (_model, _index, _layer, _inputs, _wanted) = (model, index, layer, inputs, wanted);
        _sums = new(() => Sums(model));
        _middle = new(() => Sums(model, 1, x => model.Linear(index, 1, model.Before(index, 1, x))));
    }

    private CnnBlock Shape => _model.Architecture.Blocks[_index];

    /// <summary>The model with this block at <paramref name="hidden"/> inner channels, from 1 to as many as there are.</summary>
    internal CnnModel Cut(int hidden)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        if (hidden == Shape.Hidden) return _layer.Refits ? Solved(_model, _sums.Value, ^1, isCut: false) : _model.Clone();
        var last = _model.Map(_index, ^1);
        var kept = Choose("channels", _sums.Value, last, hidden);
        if (Shape.Kind != CnnBlockKind.Bottleneck || !_layer.Options.Solve)
        {
            var narrow = _model.KeepHidden(_index, kept);
            if (!_layer.Options.Solve) return narrow;
            using (narrow) return Replaced(narrow, ^1, _layer.Solve(_sums.Value, last.Affine, last.Inputs(kept), isCut: true));
        }
        var middle = _model.Map(_index, 1);
        // What comes out of the middle is no residual stream: its errors have no metric.
        var first = Choose("channels in the middle", _middle.Value, middle, hidden, _layer with { Metric = _layer.Metric with { Root = null } });
        using var cut = _model.KeepHidden(_index, kept, first);
        using var half = Replaced(cut, 1, _layer.Solve(_middle.Value, middle.Affine, middle.Inputs(first), isCut: true).IndexSelect(0, kept));
        using var sums = Sums(half);
        return Solved(half, sums, ^1, isCut: true);
    }

    /// <summary>The student with the last convolution of one block repaired on images; the given one stays as it is.</summary>
    /// <param name="teacher">The original network.</param>
    /// <param name="student">The network whose block was narrowed.</param>
    /// <param name="block">Index of the block.</param>
    /// <param name="images">At least 2; no more than 200 are looked at.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    public static CnnModel Run(CnnModel teacher, CnnModel student, int block, ImageDataset images, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var calibration = new Calibration(images.Take(MostImages), teacher, cancellation);
        using var inputs = calibration.Embed(student, cancellation);
        inputs.Advance(x => student.Blocks(x, 0, block), cancellation);
        using var wanted = calibration.Embed(teacher, cancellation);
        wanted.Advance(x => teacher.Sum(block, teacher.Blocks(x, 0, block)), cancellation);
        using var repair = new ConvolutionRepair(student, block, inputs, wanted,
            new LayerRepair(calibration, new RepairOptions { LeaveOut = true }, new ErrorMetric(Tensor.Ones([1], device: teacher.Device), null), $"block {block}", cancellation));
        return repair.Cut(repair.Shape.Hidden);
    }

    public void Dispose()
    {
        foreach (var sums in new[] { _sums, _middle })
            if (sums.IsValueCreated) sums.Value.Dispose();
    }

    // Of the last convolution: what the branch should add.
    private GramSums Sums(CnnModel model) => Sums(model, ^1, null);

    private GramSums Sums(CnnModel model, Index layer, Func<Tensor, Tensor>? target)
    {
        using var scope = new TensorScope();
        var map = model.Map(_index, layer);
        return _layer.Sums((int)map.Matrix.Size(1), (int)map.Matrix.Size(0), _inputs.Count, k =>
        {
            var x = _inputs[k];
            return (model.Before(_index, layer, x).Unfold(map.Kernel, map.Stride).Transpose(1, 2), model.AsTokens(target?.Invoke(x) ?? Lack(x, _wanted[k])));
        });
    }

    private Tensor Lack(Tensor x, Tensor wanted) => _model.Skip(_index, x) is { } skip ? wanted - skip : wanted;

    private CnnModel Solved(CnnModel model, GramSums sums, Index layer, bool isCut) =>
        Replaced(model, layer, _layer.Solve(sums, model.Map(_index, layer).Affine, [.. Enumerable.Range(0, sums.Inputs)], isCut));

    private CnnModel Replaced(CnnModel model, Index layer, Tensor solved) =>
        model.ReplaceLayer(_index, layer, solved.Narrow(1, 0, solved.Size(1) - 1), solved.Select(1, solved.Size(1) - 1));

    private int[] Choose(string what, GramSums sums, CnnMap map, int keep, LayerRepair? layer = null) =>
        (layer ?? _layer).Choose(what, sums, map.Affine, [.. Enumerable.Range(0, Shape.Hidden).Select(c => map.Inputs(c))], keep);
}
