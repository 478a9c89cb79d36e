using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>The tokens, or maps, of all calibration images at one depth of a network, batch by batch: 4·N·D bytes an image.</summary>
internal sealed class TokenStream : IDisposable
{
    private Tensor[] _batches;

    private TokenStream(Tensor[] batches) => _batches = batches;

    internal int Count => _batches.Length;

    internal Tensor this[int batch] => _batches[batch];

    /// <summary>Makes one batch of tokens after the other.</summary>
    internal static TokenStream Of(int batches, Func<int, Tensor> make, CancellationToken cancellation) => new(Make(batches, make, cancellation));

    /// <summary>The tokens after a function of each batch, as another stream.</summary>
    internal TokenStream Through(Func<Tensor, Tensor> step, CancellationToken cancellation) =>
        new(Make(_batches.Length, k => step(_batches[k]), cancellation));

    /// <summary>Moves on: replaces the tokens by a function of them.</summary>
    internal void Advance(Func<Tensor, Tensor> step, CancellationToken cancellation) => AdvanceFrom(this, step, cancellation);

    /// <summary>Moves on by way of another stream: replaces the tokens by a function of its own.</summary>
    internal void AdvanceFrom(TokenStream other, Func<Tensor, Tensor> step, CancellationToken cancellation)
    {
        var moved = Make(other._batches.Length, k => step(other._batches[k]), cancellation);
        Dispose();
        _batches = moved;
    }

    public void Dispose()
    {
        foreach (var batch in _batches) batch.Dispose();
    }

    private static Tensor[] Make(int count, Func<int, Tensor> make, CancellationToken cancellation)
    {
        using var noGrad = new NoGrad();
        // In a scope of their own until all are there: a cancelled walk leaves none behind.
        using var whole = new TensorScope();
        var batches = new Tensor[count];
        for (var k = 0; k < count; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var scope = new TensorScope();
            batches[k] = scope.Keep(make(k).Alias());
        }
        foreach (var batch in batches) TensorScope.Release(batch);
        return batches;
    }
}
