using Espalier.Torch;
using Espalier.Torch.Distributed;

namespace Espalier.Repair;

/// <summary>Second moments of normalised tokens, for <see cref="QueryKeyCut"/>, summed in float64 (see <see cref="Moments"/>).</summary>
internal static class TokenMoments
{
    /// <summary>
    /// C_q, of tokens with a constant appended, weighted by position, and C_k, of tokens centred among those a query sees, all alike: both [D+1, D+1].
    /// </summary>
    /// <param name="tokens">Tokens [B, N, D].</param>
    /// <param name="normalise">To what the attention sees.</param>
    /// <param name="weights">[N].</param>
    /// <param name="group">Processes that have other batches; the moments are of all.</param>
    /// <param name="together">[B, N, D] to sets of tokens that see each other, [.., n, D]; null: those of an image.</param>
    internal static (Tensor Queries, Tensor Keys) Of(TokenStream tokens, Func<Tensor, Tensor> normalise, Tensor weights, ProcessGroup? group, Func<Tensor, Tensor>? together = null)
    {
        using var scope = new TensorScope();
        Tensor? queries = null, keys = null;
        for (var k = 0; k < tokens.Count; k++)
        {
            using var batch = new TensorScope();
            var x = normalise(tokens[k]);
            var sets = WithOne(together?.Invoke(x) ?? x);
            var centred = (sets - sets.Mean([1], keepDim: true)).Reshape(-1, sets.Size(-1));
            x = WithOne(x);
            var (q, c) = (Moments.Of(x.Reshape(-1, x.Size(-1)), (x * weights.Reshape(1, -1, 1)).Reshape(-1, x.Size(-1))), Moments.Of(centred, centred));
            if (queries is null || keys is null) (queries, keys) = (batch.Keep(q), batch.Keep(c));
            else
            {
                queries.AddInPlace(q);
                keys.AddInPlace(c);
            }
        }
        group?.Sum(queries!, keys!);
        return (scope.Keep(queries!), scope.Keep(keys!));
    }

    private static Tensor WithOne(Tensor x) => Tensor.Cat([x, Tensor.Ones([x.Size(0), x.Size(1), 1], device: x.Device)], -1);
}
