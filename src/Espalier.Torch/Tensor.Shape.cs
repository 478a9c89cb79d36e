namespace Espalier.Torch;

/// <content>Views, copies and rearrangements.</content>
public sealed partial class Tensor
{
    private static readonly Operator s_reshape = new("aten::reshape");
    private static readonly Operator s_permute = new("aten::permute");
    private static readonly Operator s_transpose = new("aten::transpose", "int");
    private static readonly Operator s_select = new("aten::select", "int");
    private static readonly Operator s_narrow = new("aten::narrow");
    private static readonly Operator s_slice = new("aten::slice", "Tensor");
    private static readonly Operator s_gather = new("aten::gather");
    private static readonly Operator s_scatterAdd = new("aten::scatter_add");
    private static readonly Operator s_indexSelect = new("aten::index_select");
    private static readonly Operator s_indexAdd = new("aten::index_add");
    private static readonly Operator s_expand = new("aten::expand");
    private static readonly Operator s_unbind = new("aten::unbind", "int");
    private static readonly Operator s_split = new("aten::split_with_sizes");
    private static readonly Operator s_cat = new("aten::cat");
    private static readonly Operator s_stack = new("aten::stack");
    private static readonly Operator s_roll = new("aten::roll");
    private static readonly Operator s_pad = new("aten::constant_pad_nd");
    private static readonly Operator s_flip = new("aten::flip");
    private static readonly Operator s_detach = new("aten::detach");
    private static readonly Operator s_alias = new("aten::alias");
    private static readonly Operator s_clone = new("aten::clone");
    private static readonly Operator s_copyInto = new("aten::copy_");
    private static readonly Operator s_zeroInto = new("aten::zero_");
    private static readonly Operator s_addInto = new("aten::add_", "Tensor");
    private static readonly Operator s_mulInto = new("aten::mul_", "Scalar");
    private static readonly Operator s_uniformInto = new("aten::uniform_");

    /// <summary>The same elements in another shape; one size may be -1. A view where memory allows.</summary>
    public Tensor Reshape(params long[] shape) => s_reshape.Call(this, shape);
    /// <summary>A view whose dimension k is this one's dimension <c>dims[k]</c>.</summary>
    public Tensor Permute(params long[] dims) => s_permute.Call(this, dims);
    /// <summary>A view with two dimensions exchanged.</summary>
    public Tensor Transpose(long a, long b) => s_transpose.Call(this, a, b);
    /// <summary>A view of one slice; the dimension goes away.</summary>
    public Tensor Select(long dim, long index) => s_select.Call(this, dim, index);
    /// <summary>A view of <paramref name="length"/> slices from <paramref name="start"/> on.</summary>
    public Tensor Narrow(long dim, long start, long length) => s_narrow.Call(this, dim, start, length);

    /// <summary>A view of every <paramref name="step"/>th slice from <paramref name="start"/> on.</summary>
    public Tensor EverySlice(long dim, long start, long step) => s_slice.Call(this, dim, start, long.MaxValue, step);

    /// <summary>Elements by (int64) index along one dimension: result[…, k, …] = this[…, indices[…, k, …], …].</summary>
    public Tensor Gather(long dim, Tensor indices) => s_gather.Call(this, dim, indices);

    /// <summary>A copy with the elements of <paramref name="source"/> added at their (int64) indices along one dimension; indices may repeat.</summary>
    public Tensor ScatterAdd(long dim, Tensor indices, Tensor source) => s_scatterAdd.Call(this, dim, indices, source);

    /// <summary>Rows (or columns, …) of one dimension, in the order of the indices.</summary>
    public Tensor IndexSelect(long dim, Tensor indices) => s_indexSelect.Call(this, dim, indices);

    /// <inheritdoc cref="IndexSelect(long, Tensor)"/>
    public Tensor IndexSelect(long dim, ReadOnlySpan<int> indices)
    {
        using var scope = new TensorScope();
        var wide = new long[indices.Length];
        for (var k = 0; k < wide.Length; k++) wide[k] = indices[k];
        return scope.Keep(IndexSelect(dim, From(wide).To(Device)));
    }

    /// <summary>A copy with the slices of <paramref name="source"/> added at the (int64) indices of one dimension.</summary>
    public Tensor IndexAdd(long dim, Tensor indices, Tensor source) => s_indexAdd.Call(this, dim, indices, source);

    /// <summary>A view that repeats dimensions of size 1 without copying.</summary>
    public Tensor Expand(params long[] shape) => s_expand.Call(this, shape);
    /// <summary>One view per slice of a dimension, which goes away.</summary>
    public Tensor[] Unbind(long dim) => s_unbind.CallMany(this, dim)!;
    /// <summary>Views of consecutive parts with the given sizes, which add up to the dimension's.</summary>
    public Tensor[] Split(long[] sizes, long dim) => s_split.CallMany(this, sizes, dim)!;
    /// <summary>Joins along a dimension that exists.</summary>
    public static Tensor Cat(Tensor[] tensors, long dim) => s_cat.Call(tensors, dim);
    /// <summary>Joins tensors of one shape along a new dimension.</summary>
    public static Tensor Stack(Tensor[] tensors, long dim = 0) => s_stack.Call(tensors, dim);

    /// <summary>Circular shift.</summary>
    public Tensor Roll(long[] shifts, long[] dims) => s_roll.Call(this, shifts, dims);

    /// <summary>Zeros around: how many before and after along the last dimension, then the one before it, and so on.</summary>
    public Tensor Pad(params long[] padding) => s_pad.Call(this, padding);

    /// <summary>A copy with the order of the given dimensions reversed.</summary>
    public Tensor Flip(params long[] dims) => s_flip.Call(this, dims);

    /// <summary>The same values, outside the graph.</summary>
    public Tensor Detach() => s_detach.Call(this);

    /// <summary>Another handle on the same values and graph node, owned by the current scope.</summary>
    public Tensor Alias() => s_alias.Call(this);

    /// <summary>A copy in memory of its own, inside the graph.</summary>
    public Tensor Clone() => s_clone.Call(this);

    /// <summary>Overwrites this tensor's values. Inside <see cref="NoGrad"/> when it is a parameter.</summary>
    public void CopyFrom(Tensor source) => s_copyInto.Run(this, source);

    /// <summary>Sets every element to 0.</summary>
    public void Zero() => s_zeroInto.Run(this);
    /// <summary>this += alpha · other.</summary>
    public void AddInPlace(Tensor other, double alpha = 1) => s_addInto.Run(this, other, alpha);
    /// <summary>this *= factor.</summary>
    public void MulInPlace(double factor) => s_mulInto.Run(this, factor);
    /// <summary>Draws every element from [from, to) from a generator of this tensor's device; without one from the process-wide one.</summary>
    public void UniformInPlace(double from, double to, Generator? generator = null) => s_uniformInto.Run(this, from, to, generator);
}
