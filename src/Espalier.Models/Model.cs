using Espalier.Models.Data;
using Espalier.Models.Formats.Onnx;
using Espalier.Models.Formats.Onnx.Proto;
using Espalier.Torch;

namespace Espalier.Models;

/// <summary>Changes the output of one residual branch before it is added: stochastic depth, masks, probes.</summary>
/// <param name="block">Index of the block.</param>
/// <param name="branch">Output of the branch, images first; freed after the block unless the hook releases it.</param>
public delegate Tensor BranchHook(int block, Tensor branch);

/// <summary>Edits one after another.</summary>
public static class ModelEdits
{
    /// <summary>What an edit makes of the model, which is freed.</summary>
    public static T Then<T>(this T model, Func<T, T> edit) where T : Model
    {
        using (model) return edit(model);
    }
}

/// <summary>A network with its tensors (timm names), of any family. It owns them.</summary>
public abstract class Model(Preprocessing preprocessing, Weights weights) : IDisposable
{
    public abstract Architecture Architecture { get; }

    public Preprocessing Preprocessing { get; } = preprocessing;

    public Weights Weights { get; } = weights;

    /// <summary>Where the tensors live.</summary>
    public string Device => Weights.Values.First().Device;

    /// <summary>Whether a tensor is counted while the network learns instead of being learned, such as the running mean of a BatchNorm.</summary>
    public virtual bool IsBuffer(string name) => false;

    /// <summary>The tensors that are learned, in the model's order.</summary>
    public IEnumerable<KeyValuePair<string, Tensor>> Parameters => Weights.Where(t => !IsBuffer(t.Key));

    /// <summary>Pixels [B, C, S, S] to logits [B, classes].</summary>
    public Tensor Logits(Tensor pixels, BranchHook? hook = null) => Head(Features(pixels, hook));

    /// <summary>Pixels to logits while learning: what is normalised by statistics goes by those of the batch, and counts them.</summary>
    public Tensor TrainingLogits(Tensor pixels, BranchHook? hook = null) => Head(Features(pixels, hook, training: true));

    /// <summary>Pixels to what is left of the image before it is pooled (timm's <c>forward_features</c>).</summary>
    /// <param name="pixels">[B, C, S, S].</param>
    /// <param name="hook">Changes the branches.</param>
    /// <param name="training">As <see cref="TrainingLogits"/> does.</param>
    public Tensor Features(Tensor pixels, BranchHook? hook = null, bool training = false) =>
        Tail(Blocks(Stem(pixels, training), 0, Architecture.Depth, hook, training), training);

    /// <summary>Pixels to what leaves a block.</summary>
    /// <param name="block">Index of the block.</param>
    /// <param name="pixels">[B, C, S, S].</param>
    /// <param name="training">As <see cref="TrainingLogits"/> does.</param>
    public Tensor AfterBlock(int block, Tensor pixels, bool training = false) => Blocks(Stem(pixels, training), 0, block + 1, null, training);

    /// <summary>Pixels to what enters block 0.</summary>
    public abstract Tensor Stem(Tensor pixels, bool training = false);

    /// <summary>What enters block <paramref name="from"/> to what leaves the one before <paramref name="to"/>.</summary>
    public abstract Tensor Blocks(Tensor x, int from, int to, BranchHook? hook = null, bool training = false);

    /// <summary>What leaves the last block to the features.</summary>
    public abstract Tensor Tail(Tensor x, bool training = false);

    /// <summary>What enters or leaves a block, or the features, as a row for every place in the image: [B, N, D].</summary>
    public abstract Tensor AsTokens(Tensor x);

    /// <summary>Whether a tensor belongs to the head.</summary>
    public abstract bool IsHead(string name);

    /// <summary>Whether features do not depend on a tensor: it belongs to the head, or to a norm after the pooling.</summary>
    public virtual bool IsAfterFeatures(string name) => IsHead(name);

    /// <summary>Names of the tensors of one block.</summary>
    public IEnumerable<string> BlockTensors(int block)
    {
        var prefix = Architecture.Prefix(block);
        return Weights.Keys.Where(name => name.StartsWith(prefix, StringComparison.Ordinal));
    }

    /// <summary>Features to what the head reads: [B, D].</summary>
    public abstract Tensor Pool(Tensor features);

    /// <summary>Features to logits; without a head, what was pooled.</summary>
    public abstract Tensor Head(Tensor features);

    /// <summary>
    /// Logits, and how far the statistics of what enters the BatchNorms are from the running ones (a scalar); null where there are no BatchNorms.
    /// </summary>
    public virtual (Tensor Logits, Tensor? Statistics) LogitsWithStatistics(Tensor pixels) => (Logits(pixels), null);

    /// <summary>A deep copy, without gradients.</summary>
    public virtual Model Clone() => Architecture.Create(Preprocessing, Weights.Clone());

    /// <summary>A copy with a fresh head for another class count.</summary>
    public abstract Model ReplaceHead(int classes, ulong seed);

    /// <summary>A copy that is as <paramref name="wanted"/> has it: at another image size, or folded.</summary>
    internal abstract Model As(Architecture wanted);

    /// <summary>Distance in layers from the first one, for learning rates that fall with it: the first has 0, block b has b + 1, the head depth + 1.</summary>
    public abstract int Layer(string tensor);

    /// <summary>The forward pass as an ONNX graph with all weights.</summary>
    internal abstract GraphProto Graph(OnnxOptions options);

    public void Dispose() => Weights.Dispose();
}
