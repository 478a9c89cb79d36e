using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Vit;
using Espalier.Torch;

namespace Espalier.Repair;

/// <summary>
/// One walk through the network: block after block is cut to its target and repaired on the student's own activations, towards the teacher's,
/// so that each solve also makes up for what earlier cuts left. With the student's own architecture as target it is a refit. What is cut and solved
/// in a block is up to the family of the network.
/// </summary>
public abstract class RepairPass
{
    private readonly Model _teacher;

    private protected RepairPass(Model teacher, Calibration calibration, Sensitivity sensitivity, RepairOptions options) =>
        (_teacher, Calibration, Sensitivity, Options) = (teacher, calibration, sensitivity, options);

    /// <summary>Told after each block.</summary>
    public Action<int>? OnBlock { get; init; }

    /// <summary>
    /// Told before a part is cut, with the means to cut it otherwise at the price of a solve: for looking at the widths around the target.
    /// </summary>
    public Action<CutPoint>? OnCut { get; init; }

    private protected Calibration Calibration { get; }

    private protected Sensitivity Sensitivity { get; }

    private protected RepairOptions Options { get; }

    /// <summary>Images whose activations fit into memory.</summary>
    private protected virtual long MostImages => long.MaxValue;

    /// <summary>The walk that suits a network.</summary>
    /// <param name="teacher">The original network.</param>
    /// <param name="calibration">The images.</param>
    /// <param name="sensitivity">What errors cost.</param>
    /// <param name="options">Switches.</param>
    /// <param name="onCut">See <see cref="OnCut"/>.</param>
    public static RepairPass Of(Model teacher, Calibration calibration, Sensitivity sensitivity, RepairOptions options, Action<CutPoint>? onCut = null) => teacher switch
    {
        CnnModel cnn => new CnnRepairPass(cnn, calibration, sensitivity, options) { OnCut = onCut },
        VitModel vit => new VitRepairPass(vit, calibration, sensitivity, options) { OnCut = onCut },
        _ => throw new ArgumentException($"{teacher.Architecture.Name} is a {teacher.Architecture.Family}, for which there is no repair."),
    };

    /// <summary>The student cut to <paramref name="target"/> and repaired; the given one stays as it is.</summary>
    /// <param name="student">The teacher itself, or a network derived from it.</param>
    /// <param name="target">Widths of every block, none above the student's.</param>
    /// <param name="cancellation">Stops between two batches of images.</param>
    public Model Run(Model student, Architecture target, CancellationToken cancellation = default)
    {
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        using var wanted = Calibration.Embed(_teacher, cancellation, MostImages);
        using var tokens = Calibration.Embed(student, cancellation, MostImages);
        student = student.Clone();
        try
        {
            for (var i = 0; i < target.Depth; i++)
            {
                Block(ref student, i, target, tokens, wanted, cancellation);
                OnBlock?.Invoke(i);
            }
            return student;
        }
        catch
        {
            student.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Cuts and repairs one block, and leaves both streams behind it. A cut student replaces the one before at once: whatever stops the walk, the
    /// caller frees it.
    /// </summary>
    private protected abstract void Block(ref Model student, int i, Architecture target, TokenStream tokens, TokenStream wanted, CancellationToken cancellation);

    /// <summary>How a layer is cut and solved.</summary>
    /// <param name="metric">What its errors cost.</param>
    /// <param name="name">Names random draws.</param>
    /// <param name="cancellation">Stops between two batches.</param>
    /// <param name="absorbs">Whether another part of its block goes, of which its own weights know nothing: then all that is lacking is corrected.</param>
    private protected LayerRepair Layer(ErrorMetric metric, string name, CancellationToken cancellation, bool absorbs = false) =>
        new(Calibration, absorbs ? Options with { CorrectionShare = 1 } : Options, metric.For(Options), name, cancellation);
}
