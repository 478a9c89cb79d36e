using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>
/// Structural edits: each returns a new model whose architecture and tensors were changed together. The input model stays as it is.
/// Kept tensors are copied bit for bit; nothing is rescaled or compensated.
/// </summary>
public static partial class VitEdit
{
    /// <summary>Removes LN1, the attention and its residual add: x ← x + MLP(LN2(x)) is left.</summary>
    public static VitModel RemoveAttention(this VitModel model, int block) => model.Edit(block,
        b => b with
        {
            Heads = 0, QkDim = 0, VDim = 0, AttentionScale = null, TokensMerged = 0, Window = 0, Shift = 0, QkvBias = true, QkNorm = false,
            LayerScale = b.LayerScale && b.HasMlp,
        },
        (w, p) => RemoveAll(w, p + "norm1.", p + "attn.", p + "ls1."));

    /// <summary>
    /// Lets every block merge as many tokens as <paramref name="pattern"/> does, whose depth is the model's; no tensor changes. A pattern
    /// that merges nothing takes all merging away.
    /// </summary>
    /// <exception cref="ArgumentException">A block cannot merge so many: see <see cref="VitArchitecture.CheckMerging"/>.</exception>
    public static VitModel MergeTokens(this VitModel model, VitArchitecture pattern)
    {
        var net = model.Architecture.WithMerging(pattern);
        if (net.CheckMerging() is { } fault) throw new ArgumentException(fault);
        return new VitModel(net, model.Preprocessing, model.Weights.Clone());
    }

    /// <summary>Removes LN2, the MLP and its residual add: x ← x + Attn(LN1(x)) is left.</summary>
    /// <exception cref="ArgumentException">The block has a token mixer, which does not stand alone.</exception>
    public static VitModel RemoveMlp(this VitModel model, int block)
    {
        if (model.Architecture.Blocks[block].HasMixer)
            throw new ArgumentException($"Block {block} has a token mixer, which needs the MLP; use DropBlock to drop both.");
        return model.Edit(block, b => b with { MlpHidden = 0, GatedMlp = false, LayerScale = b.LayerScale && b.HasAttention },
            (w, p) => RemoveAll(w, p + "norm2.", p + "mlp.", p + "ls2."));
    }

    /// <summary>Removes the whole block; it keeps its place in the architecture and passes its input on. Patch merging before it stays.</summary>
    public static VitModel DropBlock(this VitModel model, int block) => model.Edit(block, b => b.Emptied(), RemoveBlock);

    /// <summary>Replaces the block by a D×D linear layer without residual, initialised to the identity with zero bias.</summary>
    public static VitModel ReplaceByLinear(this VitModel model, int block) => model.Edit(block,
        b => b.Emptied() with { IsLinear = true },
        (w, p) =>
        {
            RemoveBlock(w, p);
            w.Set(p + "linear.weight", Tensor.Eye(model.Architecture.WidthOf(block), device: model.Device));
            w.Set(p + "linear.bias", Tensor.Zeros([model.Architecture.WidthOf(block)], device: model.Device));
        });

    /// <summary>
    /// Adds a token mixer in place of the removed attention: x ← x + bias + up·(down·m), m being the mean over the tokens. Bias and up
    /// are 0, so that the model computes what it did; down is N(0, 0.02²), since with both matrices at 0 neither would get a gradient.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block without attention that has an MLP and no mixer yet.</param>
    /// <param name="rank">r ≥ 0; 0 adds the bias per position alone.</param>
    /// <param name="seed">For the down matrix; blocks differ under one seed.</param>
    /// <exception cref="ArgumentException">The block takes no mixer, has one, or the rank is negative.</exception>
    public static VitModel AddMixer(this VitModel model, int block, int rank, ulong seed = 0)
    {
        var (net, before) = (model.Architecture, model.Architecture.Blocks[block]);
        ArgumentOutOfRangeException.ThrowIfNegative(rank);
        if (net.Staged) throw new ArgumentException($"{net.Name} attends within windows; a token mixer, which gives all tokens of an image the same, does not stand in for them.");
        if (before.HasMixer) throw new ArgumentException($"Block {block} has a token mixer already.");
        if (!before.TakesMixer)
            throw new ArgumentException($"Block {block} is {before.Kind.JsonName()}; a token mixer needs a block whose attention is gone and "
                + "whose MLP is not (ffn_only).");
        return model.Edit(block, b => b with { MixerRank = rank }, (w, p) =>
        {
            w.Set(p + "mixer.bias", Tensor.Zeros([net.Tokens, net.EmbedDim], device: model.Device));
            if (rank == 0) return;
            w.Set(p + "mixer.down.weight", Normal([rank, net.EmbedDim], new SeededRandom(seed, "mixer", block), model.Device));
            w.Set(p + "mixer.up.weight", Tensor.Zeros([net.EmbedDim, rank], device: model.Device));
        });
    }

    /// <summary>
    /// Gives a block's attention other widths and tensors; the factor on its logits and its q/k norms stay what they were.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="block">Index of a block with attention.</param>
    /// <param name="heads">Heads, at least 1.</param>
    /// <param name="qkDim">Query and key width per head.</param>
    /// <param name="vDim">Value width per head.</param>
    /// <param name="qkv">Weight [heads·(2·qk + v), D] (rows q, then k, then v, each head-major) and bias.</param>
    /// <param name="projection">Weight [D, heads·v] and bias [D].</param>
    /// <param name="biases">Biases by relative position, [.., heads]; null leaves those of a block with windows, whose heads then stay as many, what they were.</param>
    /// <exception cref="ArgumentException">Queries and keys are normalised and would get another width, or biases of some heads are missing.</exception>
    public static VitModel ReplaceAttention(this VitModel model, int block, int heads, int qkDim, int vDim,
        (Tensor Weight, Tensor Bias) qkv, (Tensor Weight, Tensor Bias) projection, Tensor? biases = null) => model.Edit(block,
        b => b with
        {
            Heads = !b.HasWindows || (biases?.Size(1) ?? b.Heads) == heads ? heads
                : throw new ArgumentException($"Block {block} has windows; {heads} heads need biases by relative position for as many."),
            VDim = vDim, QkvBias = true,
            QkDim = !b.QkNorm || qkDim == b.QkDim ? qkDim
                : throw new ArgumentException($"Block {block} normalises its queries and keys; their width of {b.QkDim} cannot become {qkDim}."),
            AttentionScale = b.AttentionScale ?? (qkDim == b.QkDim ? null : 1 / Math.Sqrt(b.QkDim)),
        },
        (w, p) =>
        {
            w.Set(p + "attn.qkv.weight", qkv.Weight.Clone());
            w.Set(p + "attn.qkv.bias", qkv.Bias.Clone());
            w.Set(p + "attn.proj.weight", projection.Weight.Clone());
            w.Set(p + "attn.proj.bias", projection.Bias.Clone());
            if (biases is not null) w.Set(p + "attn.relative_position_bias_table", biases.Clone());
        });

    /// <summary>Changes one block's LayerNorm epsilon.</summary>
    public static VitModel SetNormEps(this VitModel model, int block, double? eps) =>
        model.Edit(block, b => b with { NormEps = eps }, (_, _) => { });

    /// <summary>
    /// Multiplies every layer scale into the layer before it, the attention's projection or fc2: the same network without scales.
    /// </summary>
    public static VitModel FoldLayerScale(this VitModel model)
    {
        using var noGrad = new NoGrad();
        var architecture = model.Architecture.WithBlocks(b => b with { LayerScale = false });
        var weights = model.Weights.Clone();
        for (var i = 0; i < architecture.Depth; i++)
            foreach (var (scale, layer) in new[] { ($"blocks.{i}.ls1.gamma", $"blocks.{i}.attn.proj"), ($"blocks.{i}.ls2.gamma", $"blocks.{i}.mlp.fc2") })
            {
                if (!weights.TryGetValue(scale, out var gamma)) continue;
                using var scope = new TensorScope();
                weights.Set($"{layer}.weight", weights[$"{layer}.weight"] * gamma.Reshape(-1, 1));
                weights.Set($"{layer}.bias", weights[$"{layer}.bias"] * gamma);
                weights.RemovePrefix(scale);
            }
        return new VitModel(architecture, model.Preprocessing, weights);
    }

    /// <summary>Replaces the head, both heads of a distilled network, by fresh ones (zero bias, N(0, 0.02²) weights) for another class count.</summary>
    public static VitModel ReplaceHead(VitModel model, int classes, ulong seed)
    {
        using var noGrad = new NoGrad();
        using var generator = new Generator(seed);
        var weights = model.Weights.Clone();
        var net = model.Architecture with { Classes = classes };
        foreach (var head in net.DistHead ? ["head", "head_dist"] : new[] { "head" })
        {
            using var scope = new TensorScope();
            weights.Set($"{head}.weight", (Tensor.RandN([classes, net.Features], generator) * 0.02).To(model.Device));
            weights.Set($"{head}.bias", Tensor.Zeros([classes], device: model.Device));
        }
        return new VitModel(net, model.Preprocessing, weights);
    }

    private static VitModel Edit(this VitModel model, int block, Func<VitBlock, VitBlock> shape, Action<Weights, string> tensors)
    {
        using var noGrad = new NoGrad();
        var architecture = model.Architecture;
        architecture = architecture with { Blocks = architecture.Blocks.SetItem(block, shape(architecture.Blocks[block])) };
        var weights = model.Weights.Clone();
        using (new TensorScope()) tensors(weights, $"blocks.{block}.");
        return new VitModel(architecture, model.Preprocessing, InOrder(architecture, weights));
    }

    // The order of a model read from its file: an optimizer's state fits both.
    private static Weights InOrder(VitArchitecture architecture, Weights weights)
    {
        var ordered = new Weights();
        foreach (var (name, _) in VitTensors.Expected(architecture)) ordered.Set(name, weights[name]);
        return ordered;
    }

    // N(0, 0.02²), the same on every device.
    private static Tensor Normal(ReadOnlySpan<long> shape, SeededRandom random, string device)
    {
        var values = new float[shape[0] * shape[1]];
        foreach (ref var value in values.AsSpan()) value = (float)(0.02 * random.NextGaussian());
        return Tensor.From<float>(values, shape, device);
    }

    private static void RemoveBlock(Weights weights, string block) =>
        RemoveAll(weights, [.. weights.Keys.Where(n => n.StartsWith(block, StringComparison.Ordinal) && !n.StartsWith(block + "downsample.", StringComparison.Ordinal))]);

    private static void RemoveAll(Weights weights, params string[] prefixes)
    {
        foreach (var prefix in prefixes) weights.RemovePrefix(prefix);
    }
}
