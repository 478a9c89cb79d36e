using Espalier.Models;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Widths;

/// <summary>One block of a repaired student at another width: its tensors, to be tried in place of the block the student has.</summary>
/// <param name="Knob">The width that differs.</param>
/// <param name="Width">Its value here.</param>
/// <param name="Shape">The block's widths.</param>
/// <param name="Tensors">The block's tensors.</param>
internal sealed record Alternative(Knob Knob, int Width, VitBlock Shape, Weights Tensors) : IDisposable
{
    /// <summary>Takes one block out of a model.</summary>
    internal static Alternative Of(VitModel model, Knob knob, int width)
    {
        using var noGrad = new NoGrad();
        var tensors = new Weights();
        foreach (var name in model.BlockTensors(knob.Block)) tensors.Set(name, model.Weights[name].Detach().Clone());
        return new Alternative(knob, width, model.Architecture.Blocks[knob.Block], tensors);
    }

    /// <summary>The student with this block. It shares all other tensors; the caller disposes it.</summary>
    internal VitModel In(VitModel student)
    {
        var blocks = student.Architecture.Blocks.SetItem(Knob.Block, Shape);
        var weights = new Weights();
        foreach (var (name, tensor) in student.Weights)
            if (!name.StartsWith($"blocks.{Knob.Block}.", StringComparison.Ordinal)) weights.Set(name, tensor.Alias());
        foreach (var (name, tensor) in Tensors) weights.Set(name, tensor.Alias());
        return new VitModel(student.Architecture with { Blocks = blocks }, student.Preprocessing, weights);
    }

    public void Dispose() => Tensors.Dispose();
}
