using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>Reverse-mode differentiation.</summary>
public static unsafe class Autograd
{
    /// <summary>
    /// Adds the gradient of a scalar loss into <see cref="Tensor.Grad"/> of every leaf that requires it, and frees the graph.
    /// </summary>
    public static void Backward(this Tensor loss, bool retainGraph = false)
    {
        var output = loss.Handle.DangerousGetHandle();
        Door.Check(Door.esp_backward(&output, 1, null, retainGraph ? 1 : 0, 0), $"backward of {loss.Describe()}");
        GC.KeepAlive(loss);
    }

    /// <summary>Gradient of a scalar with respect to each input; null where it does not depend on it.</summary>
    public static Tensor?[] Gradients(Tensor loss, IReadOnlyList<Tensor> inputs, bool retainGraph = false)
    {
        var output = loss.Handle.DangerousGetHandle();
        var handles = inputs.Select(t => t.Handle.DangerousGetHandle()).ToArray();
        var results = new nint[handles.Length];
        fixed (nint* h = handles, r = results)
            Door.Check(Door.esp_grad(&output, 1, null, h, handles.Length, retainGraph ? 1 : 0, 0, r),
                $"gradient of {loss.Describe()}");
        GC.KeepAlive(loss);
        GC.KeepAlive(inputs);
        return [.. results.Select(g => g == 0 ? null : new Tensor(g))];
    }
}
