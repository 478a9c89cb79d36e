using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.DcVit;

/// <summary>
/// Progressive pruning (§5.1): compress the next block of the student, keep every other tensor, finetune again with a fresh optimizer.
/// </summary>
internal static class PruneStage
{
    private const string RecordFile = "pruned.json";

    /// <summary>Name of progressive step <paramref name="number"/>, from 1.</summary>
    internal static string StepName(int number) => $"prune-{number}";

    internal static void Run(DcVitSession session, StepContext context, int number)
    {
        var order = RankingStage.Order(session);
        if (number > order.Length) return; // fewer blocks were enough
        int[] compressed = [.. session.Options.Once ? order : order.Take(number)];
        var block = compressed[^1];
        using var student = Cut(session, compressed, number, order);
        var cut = session.Measure("cut", session.Options.Once ? null : block, student, context.Cancellation);
        var warm = number == 1 ? Candidate(session, student, block) : null;
        var steps = Steps(session, order);
        FinetuneRecord record;
        using (var start = warm?.Student)
        {
            if (start is not null) student.Weights.CopyFrom(start.Weights);
            // A candidate that was finetuned with at least as many steps to be ranked is trained already (§5.1: not again).
            record = session.Options.CandidateRecovery is null && warm is { } ranked && ranked.Finetune.Steps >= steps ? ranked.Finetune
                : session.Train(session.Finetuner, context, student, compressed, $"prune {number}",
                    new FinetuneStep($"finetuning after block {block}", steps, session.Finetuner.ImagesPerStep, PartsLeft(session, number)));
        }
        var finetuned = session.Measure("finetuned", session.Options.Once ? null : block, student, context.Cancellation) with
        {
            Steps = record.Steps,
            Seconds = record.Seconds,
        };
        StepFile.Write(context.Folder, RecordFile, new PruneRecord(block, cut, finetuned, record));
        ModelFolder.Write(context.Folder, student);
    }

    internal static PruneRecord? Read(DcVitSession session, int number) =>
        StepFile.Read<PruneRecord>(session.Folder.StepFolder(StepName(number)), RecordFile);

    /// <summary>The teacher with all these blocks cut and nothing finetuned.</summary>
    /// <param name="session">The session.</param>
    /// <param name="blocks">The blocks, in the order of compression.</param>
    /// <param name="order">All blocks of the run; null when these are all.</param>
    internal static Model RawCut(DcVitSession session, IReadOnlyList<int> blocks, IReadOnlyCollection<int>? order = null)
    {
        var student = session.Teacher.Clone();
        for (var t = 0; t < blocks.Count; t++)
            using (var before = student) student = RankingStage.Compress(session, before, blocks[t], t, order ?? blocks);
        return student;
    }

    private static Model Cut(DcVitSession session, int[] compressed, int number, IReadOnlyList<int> order)
    {
        if (session.Options.Once || !session.Options.Profile.CarryOver) return RawCut(session, compressed, order);
        if (number > 1)
            using (var before = session.LoadStudent(StepName(number - 1)))
                return RankingStage.Compress(session, before, compressed[^1], number - 1, order);
        return RankingStage.Compress(session, session.Teacher, compressed[0], step: 0, order); // the units of the ranked candidate
    }

    private static (Model Student, FinetuneRecord Finetune)? Candidate(DcVitSession session, Model cut, int block)
    {
        if (session.Structure.Order is not null || session.Options is { Once: true } or { Recovery: not null }) return null;
        var finetune = RankingStage.Read(session, 0, block)!.Finetune;
        var student = session.LoadStudent(RankingStage.StepName(0, block));
        // Where stages differ, a block may keep more units than when it was ranked: it is then trained from its cut.
        if (student.Architecture.IsSame(cut.Architecture)) return (student, finetune);
        student.Dispose();
        return null;
    }

    // One number for all finetunes of the run: the contract's --steps repeats it.
    private static long Steps(DcVitSession session, IReadOnlyList<int> order)
    {
        if (session.Request.Effort.Steps is { } given) return given;
        return PlannedSteps.Once(session.Folder.StepFolder(StepName(1)), () =>
        {
            var (perRound, reserve) = (Enumerable.Range(1, Finetunes(session)).Sum(t => SecondsPerStep(session, order, t)), session.Reserve(session.Measurements));
            return Math.Max(1, (long)((session.Budget!.TimeFor("finetuning") - reserve).TotalSeconds / perRound));
        }, session.Compute.Group);
    }

    // How far back a finetune reaches depends only on the last block compressed so far, and the ranking timed that, if it finetuned.
    private static double SecondsPerStep(DcVitSession session, IReadOnlyList<int> order, int number)
    {
        var furthest = session.Options.Once ? order.Max() : order.Take(number).Max();
        if (session.Options.CandidateRecovery is null && RankingStage.Read(session, 0, furthest) is { Finetune: { Steps: > 0 } ranked }) return ranked.Seconds / ranked.Steps;
        using var student = RankingStage.Compress(session, session.Teacher, furthest, step: 0);
        return session.Finetuner.Measure(student, [furthest]);
    }

    /// <summary>Finetunes of the run: one for each block, as far as the blocks are known.</summary>
    internal static int Finetunes(DcVitSession session) => session.Options.Once ? 1
        : session.Options.Profile.Rerank ? session.Structure.Count : RankingStage.Order(session).Length;

    private static int PartsLeft(DcVitSession session, int number) => Finetunes(session) - number + 1;
}
