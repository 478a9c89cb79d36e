using Espalier.Models;
using Espalier.Torch;

namespace Espalier.Widths;

/// <summary>One block of a repaired student at another width: its tensors, to be tried in place of the block the student has.</summary>
/// <param name="Knob">The width that differs.</param>
/// <param name="Width">Its value here.</param>
/// <param name="Net">A network that has the block.</param>
/// <param name="Tensors">The block's tensors.</param>
internal sealed record Alternative(Knob Knob, int Width, Architecture Net, Weights Tensors) : IDisposable
{
    /// <summary>Takes one block out of a model.</summary>
    internal static Alternative Of(Model model, Knob knob, int width)
    {
        using var noGrad = new NoGrad();
        var tensors = new Weights();
        foreach (var name in model.BlockTensors(knob.Block)) tensors.Set(name, model.Weights[name].Detach().Clone());
        return new Alternative(knob, width, model.Architecture, tensors);
    }

    /// <summary>The student with this block. It shares all other tensors; the caller disposes it.</summary>
    internal Model In(Model student)
    {
        var own = student.BlockTensors(Knob.Block).ToHashSet();
        var weights = new Weights();
        foreach (var (name, tensor) in student.Weights)
            if (!own.Contains(name)) weights.Set(name, tensor.Alias());
        foreach (var (name, tensor) in Tensors) weights.Set(name, tensor.Alias());
        return student.Architecture.WithBlockOf(Net, Knob.Block).Create(student.Preprocessing, weights);
    }

    public void Dispose() => Tensors.Dispose();
}
