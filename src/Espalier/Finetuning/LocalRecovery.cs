using Espalier.Models;
using Espalier.Torch;
using Espalier.Training;

namespace Espalier.Finetuning;

/// <summary>
/// Recovers a candidate where it was cut: blocks b (or some before it, too) to e = b + 1 learn to give what the teacher gives after e, from what enters b. Nothing runs after e,
/// gradients go no further back than the first that learns, and what leads to it runs once for both as long as nothing else is cut. No part of the paper, whose
/// candidates are finetuned as a whole (§4).
/// </summary>
/// <param name="lastUpdatable">See <see cref="FinetuneOptions.LastUpdatable"/>.</param>
/// <param name="batchStatistics">See <see cref="FinetuneOptions.BatchStatistics"/>.</param>
public sealed class LocalRecovery(int? lastUpdatable, bool batchStatistics) : ICandidateRecovery
{
    /// <summary>How many blocks before the cut learn, too, at least 0.</summary>
    /// <exception cref="UsageException">It is less.</exception>
    public int Before { get; init => field = value >= 0 ? value : throw new UsageException($"{value} blocks before the cut shall learn, too: give at least 0."); }

    public bool IsJudgedByImages => false;

    public ITrainingTask Task(Model teacher, Model student, IReadOnlyCollection<int> compressed)
    {
        var cut = compressed.Last();
        var last = Math.Max(cut, UpdateRanges.LastBlock([cut], student.Architecture.Depth, lastUpdatable));
        var first = Math.Max(0, cut - Before);
        // Of a block that was dropped, and none behind it, nothing is left to learn: the one before it takes its part.
        while (first > 0 && !LocalMimic.Names(student, first, last).Any()) first--;
        return new LocalMimic(teacher, student, first, last, isAlikeBefore: compressed.Count == 1) { BatchStatistics = batchStatistics };
    }

    private sealed class LocalMimic(Model teacher, Model student, int first, int last, bool isAlikeBefore) : FinetuneTask(student, Names(student, first, last))
    {
        private readonly Model _student = student;

        public override Tensor Loss(TensorBatch batch, long step)
        {
            Tensor entering, wanted;
            using (new NoGrad())
            {
                var before = teacher.Blocks(teacher.Stem(batch.Pixels), 0, first);
                entering = isAlikeBefore ? before : _student.Blocks(_student.Stem(batch.Pixels), 0, first);
                wanted = teacher.Blocks(before, first, last + 1);
            }
            var given = _student.Blocks(entering, first, last + 1, training: BatchStatistics);
            return Functional.MseLoss(given.To(DType.Float32), wanted.To(DType.Float32));
        }

        internal static IEnumerable<string> Names(Model student, int first, int last) =>
            Enumerable.Range(first, last - first + 1).SelectMany(student.BlockTensors).Where(name => !student.IsBuffer(name));
    }
}
