using Espalier.Torch;

namespace Espalier.Models.Vit;

/// <summary>
/// The forward pass of a Vision Transformer, driven by its architecture alone: there is no class per compressed variant.
/// Shapes: pixels [B, C, S, S]; tokens [B, N, D], those of no patch first; logits [B, classes].
/// </summary>
public static class VitForward
{
    /// <summary>Pixels to the tokens that enter block 0.</summary>
    public static Tensor Embed(this VitModel model, Tensor pixels)
    {
        var (a, w) = (model.Architecture, model.Weights);
        var patches = pixels.Conv2d(w["patch_embed.proj.weight"], a.PatchBias ? w["patch_embed.proj.bias"] : null, stride: a.PatchSize);
        var tokens = patches.Reshape(pixels.Size(0), a.EmbedDim, a.Patches).Transpose(1, 2);
        // The stream stays in the weights' own precision where matrix products run in another.
        if (a.Staged) return tokens.To(pixels.DType).LayerNorm(w["patch_embed.norm.weight"], w["patch_embed.norm.bias"], a.LayerNormEps);
        if (!a.EmbedPrefix) tokens += w["pos_embed"];
        if (a.PrefixTokens > 0)
            tokens = Tensor.Cat(
                [.. VitTensors.Prefix(a).Select(t => w[t.Name].Expand(pixels.Size(0), t.Shape[1], a.EmbedDim).To(tokens.DType)), tokens], 1);
        if (a.EmbedPrefix) tokens += w["pos_embed"];
        return a.PreNorm ? tokens.LayerNorm(w["norm_pre.weight"], w["norm_pre.bias"], a.LayerNormEps) : tokens;
    }

    /// <summary>Tokens through blocks <paramref name="from"/> (inclusive) to <paramref name="to"/> (exclusive). A token mixer is no branch.</summary>
    public static Tensor Blocks(VitModel model, Tensor tokens, int from, int to, BranchHook? hook = null)
    {
        Tensor? sizes = null;
        for (var i = from; i < to; i++) tokens = model.Block(i, tokens, ref sizes, hook);
        return tokens;
    }

    /// <summary>
    /// Tokens through block <paramref name="i"/>: patch merging, x + Attn(LN1(x)), or x + Mixer(x) in its place, then x + MLP(LN2(x)), as far
    /// as they are there.
    /// </summary>
    public static Tensor Block(this VitModel model, int i, Tensor x, BranchHook? hook = null)
    {
        Tensor? sizes = null;
        return model.Block(i, x, ref sizes, hook);
    }

    /// <inheritdoc cref="Block(VitModel, int, Tensor, BranchHook?)"/>
    /// <param name="model">The model.</param>
    /// <param name="i">Index of the block.</param>
    /// <param name="x">Tokens [B, n, D].</param>
    /// <param name="sizes">How many tokens each one stands for, [B, n, 1]; null while none was merged.</param>
    /// <param name="hook">Changes the branches.</param>
    public static Tensor Block(this VitModel model, int i, Tensor x, ref Tensor? sizes, BranchHook? hook = null)
    {
        // Handles on what is only passed through go at the end of the block: memory stays at what autograd itself keeps.
        using var scope = new TensorScope();
        var before = sizes;
        x = scope.Keep(model.BlockInScope(i, x, ref sizes, hook));
        if (sizes is not null && !ReferenceEquals(sizes, before)) scope.Keep(sizes);
        return x;
    }

    private static Tensor BlockInScope(this VitModel model, int i, Tensor x, ref Tensor? sizes, BranchHook? hook)
    {
        var block = model.Architecture.Blocks[i];
        var w = model.Weights;
        x = model.Downsample(i, x);
        if (block.IsLinear) return x.Linear(w[$"blocks.{i}.linear.weight"], w[$"blocks.{i}.linear.bias"]).To(x.DType);
        if (!block.HasAttention || (block.TokensMerged == 0 && sizes is null)) return model.AfterMlp(i, model.AfterAttention(i, x, hook), hook);
        var (outputs, keys) = model.Attend(i, model.AttentionInput(i, x), sizes, withKeys: true);
        x = model.AddProjection(i, x, outputs, hook);
        if (block.TokensMerged > 0) (x, sizes) = TokenMerging.Merge(x, sizes, keys!, model.Architecture.PrefixTokens, block.TokensMerged);
        return model.AfterMlp(i, x, hook);
    }

    /// <summary>
    /// Patch merging where it stands before block <paramref name="i"/>, else nothing: every 2×2 neighbours [4·D], column by column, are normalised
    /// and mapped to the new width. [B, g², D] to [B, (g/2)², D'].
    /// </summary>
    public static Tensor Downsample(this VitModel model, int i, Tensor x)
    {
        var (a, w, name) = (model.Architecture, model.Weights, $"blocks.{i}.downsample.");
        if (a.Blocks[i].DownsampleDim == 0) return x;
        long b = x.Size(0), d = x.Size(2), grid = a.GridOf(i - 1), half = a.GridOf(i);
        x = x.Reshape(b, grid, grid, d);
        if (grid % 2 == 1) x = x.Pad(0, 0, 0, 1, 0, 1);
        return x.Reshape(b, half, 2, half, 2, d).Permute(0, 1, 3, 4, 2, 5).Reshape(b, half * half, 4 * d)
            .LayerNorm(w[name + "norm.weight"], w[name + "norm.bias"], a.LayerNormEps).Linear(w[name + "reduction.weight"]).To(x.DType);
    }

    /// <summary>
    /// The first half of block <paramref name="i"/>, after any patch merging: x + Attn(LN1(x)); without attention x + Mixer(x), or x when there is no mixer.
    /// Tokens that the block would merge are still apart.
    /// </summary>
    public static Tensor AfterAttention(this VitModel model, int i, Tensor x, BranchHook? hook = null)
    {
        var block = model.Architecture.Blocks[i];
        if (block.HasMixer) return x + model.Mixer(i, x);
        if (!block.HasAttention) return x;
        return model.AddProjection(i, x, model.HeadOutputs(i, model.AttentionInput(i, x)), hook);
    }

    /// <summary>LN1(x), what the attention of block <paramref name="i"/> sees: [B, N, D].</summary>
    public static Tensor AttentionInput(this VitModel model, int i, Tensor x) => model.BlockNorm(i, 1, x);

    /// <summary>
    /// softmax(QKᵀ·scale)·V of every head, side by side: [B, N, heads·v_dim], what the projection of block <paramref name="i"/> sees; with
    /// windows, each on its own and with a bias by relative position.
    /// qkv rows are q|k|v, each head-major; widths per head may differ between q/k and v once a block was cut.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="i">Index of a block with attention.</param>
    /// <param name="x">Normalised tokens [B, N, D], see <see cref="AttentionInput"/>.</param>
    public static Tensor HeadOutputs(this VitModel model, int i, Tensor x) => model.Attend(i, x, sizes: null, withKeys: false).Outputs;

    // Also the keys, [B, heads, qk_dim, N], where they are asked for. A token that stands for s others is attended to as if it were there s times (ToMe, eq. 1).
    private static (Tensor Outputs, Tensor? Keys) Attend(this VitModel model, int i, Tensor x, Tensor? sizes, bool withKeys)
    {
        var (block, w) = (model.Architecture.Blocks[i], model.Weights);
        var windows = WindowLayout.Of(block, x.Size(1));
        if (windows is not null) x = windows.Split(x);
        var (b, n) = (x.Size(0), x.Size(1));
        long heads = block.Heads, qk = block.QkDim, v = block.VDim;
        var scale = block.AttentionScale ?? 1 / Math.Sqrt(qk);
        var packed = x.Linear(w[$"blocks.{i}.attn.qkv.weight"], block.QkvBias ? w[$"blocks.{i}.attn.qkv.bias"] : null);
        if (windows is null && sizes is null && !withKeys && !block.QkNorm && Functional.PackedAttention(packed, heads, qk, v, scale) is { } whole)
            return (whole, null);
        var parts = packed.Split([heads * qk, heads * qk, heads * v], -1);
        var q = model.QkNormed(i, "q_norm", parts[0].Reshape(b, n, heads, qk)).Transpose(1, 2);
        var k = model.QkNormed(i, "k_norm", parts[1].Reshape(b, n, heads, qk)).Permute(0, 2, 3, 1);
        var values = parts[2].Reshape(b, n, heads, v).Transpose(1, 2);
        if (windows is null && sizes is null && Functional.FusedAttention(q, k.Transpose(2, 3), values, scale) is { } fused)
            return (fused.Transpose(1, 2).Reshape(b, n, heads * v), k);
        var logits = (q * scale).MatMul(k);
        if (sizes is not null) logits += sizes.Log().Reshape(b, 1, 1, n);
        if (windows is not null) logits = windows.Place(logits, w[$"blocks.{i}.attn.relative_position_bias_table"]);
        var outputs = logits.Softmax(-1).MatMul(values).Transpose(1, 2).Reshape(b, n, heads * v);
        return (windows is null ? outputs : windows.Join(outputs), k);
    }

    private static Tensor AddProjection(this VitModel model, int i, Tensor x, Tensor headOutputs, BranchHook? hook)
    {
        var branch = headOutputs.Linear(model.Weights[$"blocks.{i}.attn.proj.weight"], model.Weights[$"blocks.{i}.attn.proj.bias"]);
        if (model.Architecture.Blocks[i].LayerScale) branch *= model.Weights[$"blocks.{i}.ls1.gamma"];
        return x + (hook is null ? branch : hook(i, branch));
    }

    /// <summary>The second half of block <paramref name="i"/>: x + MLP(LN2(x)), or x when the MLP is gone.</summary>
    public static Tensor AfterMlp(this VitModel model, int i, Tensor x, BranchHook? hook = null)
    {
        if (!model.Architecture.Blocks[i].HasMlp) return x;
        var branch = model.MlpHidden(i, x).Linear(model.Weights[$"blocks.{i}.mlp.fc2.weight"], model.Weights[$"blocks.{i}.mlp.fc2.bias"]);
        if (model.Architecture.Blocks[i].LayerScale) branch *= model.Weights[$"blocks.{i}.ls2.gamma"];
        return x + (hook is null ? branch : hook(i, branch));
    }

    /// <summary>
    /// Hidden activations GELU(fc1(LN2(x))) of block <paramref name="i"/>, x being the MLP's input: [B, N, mlp_hidden]; silu(gate)·value of a gated one.
    /// </summary>
    public static Tensor MlpHidden(this VitModel model, int i, Tensor x)
    {
        var (block, rows) = (model.Architecture.Blocks[i], model.BlockNorm(i, 2, x)
            .Linear(model.Weights[$"blocks.{i}.mlp.fc1.weight"], model.Weights[$"blocks.{i}.mlp.fc1.bias"]));
        if (!block.GatedMlp) return rows.Gelu();
        var halves = rows.Split([block.MlpHidden, block.MlpHidden], -1);
        return halves[0] * halves[0].Sigmoid() * halves[1];
    }

    /// <summary>Final LayerNorm; nothing when it stands after the pooling.</summary>
    public static Tensor Norm(this VitModel model, Tensor tokens) =>
        model.Architecture.FcNorm ? tokens : model.FinalNorm(tokens);

    /// <summary>Normalised tokens to what the head reads, [B, D]: the first token, or the mean of the patches.</summary>
    public static Tensor Pool(VitModel model, Tensor features)
    {
        var a = model.Architecture;
        var pooled = a.Pool == Pooling.Token ? features.Select(1, 0) : features.Narrow(1, a.PrefixTokens, features.Size(1) - a.PrefixTokens).Mean([1]);
        return a.FcNorm ? model.FinalNorm(pooled) : pooled;
    }

    /// <summary>
    /// Normalised tokens to logits: a linear map of what was pooled, with a distillation token the mean of both heads. Without a head, what was
    /// pooled.
    /// </summary>
    public static Tensor Head(VitModel model, Tensor features)
    {
        var (a, w) = (model.Architecture, model.Weights);
        var pooled = model.Pool(features);
        if (a.Classes == 0) return pooled;
        var logits = pooled.Linear(w["head.weight"], w["head.bias"]);
        return a.DistHead ? (logits + features.Select(1, 1).Linear(w["head_dist.weight"], w["head_dist.bias"])) / 2 : logits;
    }

    private static Tensor FinalNorm(this VitModel model, Tensor x)
    {
        var (a, w) = (model.Architecture, model.Weights);
        return x.LayerNorm(w[$"{a.FinalNorm}.weight"], w[$"{a.FinalNorm}.bias"], a.LayerNormEps);
    }

    // bias [N, D] + up·(down·m) [B, 1, D], m being the mean of the block's input over its tokens: [B, N, D], or [N, D] at rank 0.
    private static Tensor Mixer(this VitModel model, int i, Tensor x)
    {
        var (prefix, w) = ($"blocks.{i}.mixer.", model.Weights);
        if (model.Architecture.Blocks[i].MixerRank == 0) return w[prefix + "bias"];
        var mean = x.Mean([1], keepDim: true);
        return w[prefix + "bias"] + mean.Linear(w[prefix + "down.weight"]).Linear(w[prefix + "up.weight"]);
    }

    // Queries or keys [B, N, heads, qk], normalised over each head's dimensions where the network does so; in the norm's own precision, as
    // they come out of a matrix product that autocast may have run in bf16.
    private static Tensor QkNormed(this VitModel model, int i, string norm, Tensor x)
    {
        if (!model.Architecture.Blocks[i].QkNorm) return x;
        var weight = model.Weights[$"blocks.{i}.attn.{norm}.weight"];
        return x.To(weight.DType).LayerNorm(weight, model.Weights[$"blocks.{i}.attn.{norm}.bias"], model.Eps(i)).To(x.DType);
    }

    private static double Eps(this VitModel model, int i) => model.Architecture.Blocks[i].NormEps ?? model.Architecture.LayerNormEps;

    private static Tensor BlockNorm(this VitModel model, int i, int which, Tensor x) => x.LayerNorm(
        model.Weights[$"blocks.{i}.norm{which}.weight"], model.Weights[$"blocks.{i}.norm{which}.bias"], model.Eps(i));
}
