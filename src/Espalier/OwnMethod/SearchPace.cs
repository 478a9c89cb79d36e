using Espalier.Evaluation;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.OwnMethod;

/// <summary>What the parts of a search take, foretold from a pass of the given network and a walk on few images: what a time has room for is to be known before the first look.</summary>
/// <param name="Pass">Seconds that the given network takes for an image.</param>
/// <param name="Solving">Seconds of a walk that do not depend on the images.</param>
/// <param name="Trials">Widths that a look tries.</param>
/// <param name="Share">Of the given network's cost that the student has.</param>
internal sealed record SearchPace(double Pass, double Solving, int Trials, double Share)
{
    // In passes: a walk runs teacher and student and sums up, for every image; a trial runs what is behind its block in the student, which is half of all on
    // average.
    private const double WalkPasses = 7, TrialPasses = 0.65;
    // All trials together solve about half as much as the walk.
    private const double TrialSolving = 0.5;
    private const int TimedImages = 25;

    internal static SearchPace Measure(EspalierSession session, Sensitivity sensitivity, EspalierPlan plan, CancellationToken cancellation)
    {
        var (teacher, group) = (session.Teacher, session.Compute.Group);
        using var noGrad = new NoGrad();
        using var scope = new TensorScope();
        var few = session.Samples.Train.Take(TimedImages);
        var pixels = ImageTensors.Load(few, teacher.Preprocessing, teacher.Device);
        Forward(); // warms up
        var pass = Seconds(Forward) / few.Count;
        var walk = Seconds(() =>
        {
            using var images = new Calibration(few, teacher, cancellation);
            RepairPass.Of(teacher, images, sensitivity, session.Options.Repair).Run(teacher, plan.Start, cancellation).Dispose();
        });
        var solving = Math.Max(0, walk - WalkPasses * pass * few.Count);
        // Processes share the images of a transformer, and must not disagree on how many those are. A width is tried on both sides of where it is.
        var (trials, share) = (2 * plan.Knobs.Length, (double)plan.Start.Cost().MacsFull / teacher.Architecture.Cost().MacsFull);
        return group is null ? new(pass, solving, trials, share)
            : new(group.Agree(pass) / (teacher is VitModel ? group.Size : 1), group.Agree(solving), trials, share);

        void Forward()
        {
            using var autocast = new Autocast(session.Compute.TrainsInBf16, teacher.Device);
            teacher.Logits(pixels).To(DType.Float32).Sum().Item();
        }

        double Seconds(Action work)
        {
            var begun = session.Time.GetTimestamp();
            work();
            return session.Time.GetElapsedTime(begun).TotalSeconds;
        }
    }

    /// <summary>Seconds to cut and repair on so many images.</summary>
    internal double Walk(int images) => Solving + WalkPasses * Pass * images;

    /// <summary>Seconds of a look: a walk, and every trial on the images that judge.</summary>
    internal double Look(int fitted, int judging) => Walk(fitted) + TrialSolving * Solving + TrialPasses * Share * Trials * Pass * judging;
}
