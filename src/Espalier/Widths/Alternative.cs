using Espalier.Models;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Widths;

/// <summary>
/// One part of a block, its attention or its MLP, repaired at another width: tensors to be tried in place of those a student has. The other part stays
/// the student's own: judged with one that was not cut yet, any width would look better than it is.
/// </summary>
/// <param name="Knob">The width that differs.</param>
/// <param name="Width">Its value here.</param>
/// <param name="Prefix">What the names of the part's tensors begin with.</param>
/// <param name="Tensors">The part's tensors.</param>
internal sealed record Alternative(Knob Knob, int Width, string Prefix, Weights Tensors) : IDisposable
{
    /// <summary>Cuts a part otherwise than the walk is about to.</summary>
    internal static Alternative Of(CutPoint point, Knob knob, int width)
    {
        using var noGrad = new NoGrad();
        using var model = point.Cut(knob.Write(point.Target, width));
        var tensors = new Weights();
        foreach (var (name, tensor) in model.Weights)
            if (name.StartsWith(point.Prefix, StringComparison.Ordinal)) tensors.Set(name, tensor.Detach().Clone());
        return new Alternative(knob, width, point.Prefix, tensors);
    }

    /// <summary>The student with this part. It shares all other tensors; the caller disposes it.</summary>
    internal Model In(Model student)
    {
        var weights = new Weights();
        foreach (var (name, tensor) in student.Weights)
            if (!name.StartsWith(Prefix, StringComparison.Ordinal)) weights.Set(name, tensor.Alias());
        foreach (var (name, tensor) in Tensors) weights.Set(name, tensor.Alias());
        return Knob.Write(student.Architecture, Width).Create(student.Preprocessing, weights);
    }

    public void Dispose() => Tensors.Dispose();
}
