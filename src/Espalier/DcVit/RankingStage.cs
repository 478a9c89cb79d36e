using System.Collections.Immutable;
using Espalier.FewShot;
using Espalier.Models;
using Espalier.Models.Cnn;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Runs;
using Espalier.Torch;

namespace Espalier.DcVit;

/// <summary>
/// Recoverability of every candidate (§4): compress it alone, finetune, score on the metric set. Each candidate is a step of the run and
/// leaves its student, so that the best one can be gone on with.
/// </summary>
internal static class RankingStage
{
    private const string RecordFile = "ranked.json";

    /// <summary>Name of the step that ranks one candidate in one round; there is one round unless blocks are ranked anew after each cut.</summary>
    internal static string StepName(int round, int block) => round == 0 ? $"rank-{block}" : $"rank-{round}-{block}";

    internal static void Run(DcVitSession session, StepContext context, int round, int block)
    {
        var done = Order(session).Take(round).ToList();
        if (done.Count < round || done.Contains(block)) return; // fewer blocks were enough, or it is cut already
        using var start = round == 0 ? session.Teacher.Clone() : session.LoadStudent(PruneStage.StepName(round));
        using var student = Compress(session, start, block, round);
        int[] compressed = [.. done, block];
        var steps = Steps(session, student, compressed);
        var finetune = session.Train(session.Recoverer, context, student, compressed, $"rank {round} {block}",
            new FinetuneStep($"ranking block {block}", steps, session.Recoverer.ImagesPerStep, PartsLeft(session, round, block)));
        StepFile.Write(context.Folder, RecordFile, new RankRecord(block, session.Structure.Weigh(block, session.Recoverability.Score(student)), finetune)
        {
            Measures = session.Options.MeasureCandidates ? session.MeasureCandidate(student, context.Cancellation) : null,
        });
        ModelFolder.Write(context.Folder, student);
    }

    /// <summary>Fixes the number of steps before several processes rank candidates at the same time.</summary>
    internal static void Plan(DcVitSession session, int block)
    {
        using var student = Compress(session, session.Teacher, block, step: 0);
        Steps(session, student, [block]);
    }

    /// <summary>All candidates of a round, best first, those without a number last; ties go to the lower index.</summary>
    internal static ImmutableArray<RankRecord> Ranked(DcVitSession session, int round = 0) =>
        [.. session.Structure.Candidates.Select(block => Read(session, round, block)).OfType<RankRecord>()
            .OrderBy(r => double.IsNaN(r.Metric)).ThenBy(r => r.Metric).ThenBy(r => r.Block)];

    internal static RankRecord? Read(DcVitSession session, int round, int block) =>
        StepFile.Read<RankRecord>(session.Folder.StepFolder(StepName(round, block)), RecordFile);

    /// <summary>The blocks in the order of compression: as given, or by rank.</summary>
    internal static ImmutableArray<int> Order(DcVitSession session)
    {
        if (session.Structure.Order is { } given) return given;
        if (!session.Options.Profile.Rerank) return session.Structure.Choose([.. Ranked(session).Select(r => r.Block)]);
        var order = new List<int>();
        for (var round = 0; round < session.Structure.Count && Ranked(session, round) is { Length: > 0 } ranked; round++) order.Add(ranked[0].Block);
        return session.Structure.Choose([.. order]);
    }

    /// <summary>The student with one more block compressed, as progressive step <paramref name="step"/> (from 0) does it.</summary>
    /// <param name="session">The session.</param>
    /// <param name="student">The student so far.</param>
    /// <param name="block">The block.</param>
    /// <param name="step">Counts compressed blocks.</param>
    /// <param name="order">All blocks to compress, once they are known.</param>
    internal static Model Compress(DcVitSession session, Model student, int block, int step, IReadOnlyCollection<int>? order = null)
    {
        var compression = session.Compression(block, order);
        using var scope = new TensorScope();
        var mean = compression is { Init: MlpInit.GeluSample, Variant: BlockVariant.Compress }
            ? ActivationStatistics.MeanActivation((VitModel)session.Teacher, session.Samples.Train, block) : [];
        if (!session.Options.Profile.GlobalUnitRandom) return Apply(compression);
        // One generator for the whole run: a draw depends on how many came before it, first all candidates, then the steps.
        var candidates = session.Structure.Candidates;
        var draw = step == 0 ? candidates.IndexOf(block) : candidates.Length + step;
        return Apply(compression with { Stream = draw });

        Model Apply(BlockCompression edit)
        {
            if (student is not CnnModel cnn) return edit.Apply((VitModel)student, block, step, mean);
            var cut = edit.Apply(cnn, block, step);
            if (edit.Variant != BlockVariant.Compress || !session.Options.Profile.Repair) return cut;
            using (cut) return ConvolutionRepair.Run((CnnModel)session.Teacher, cut, block, session.Samples.Train);
        }
    }

    // Measured once, on the first candidate and the last one: their finetunes reach least and most far back.
    private static long Steps(DcVitSession session, Model student, int[] compressed)
    {
        var effort = session.Request.Effort;
        if ((effort.RankSteps ?? effort.Steps) is { } given) return given;
        var candidates = session.Structure.Candidates;
        return PlannedSteps.Once(session.Folder.StepFolder(StepName(0, candidates[0])), () =>
        {
            using var last = Compress(session, session.Teacher, candidates[^1], step: 0);
            var seconds = (session.Recoverer.Measure(student, compressed) + session.Recoverer.Measure(last, [candidates[^1]])) / 2;
            var runs = InTurn(session, candidates.Length) * (session.Options.Profile.Rerank ? session.Structure.Count : 1);
            // Measured candidates are evaluated one by one, as the given network was.
            var measuring = session.Options.MeasureCandidates ? runs * PrepareStage.Read(session).EvaluationSeconds : 0;
            return Math.Max(1, (long)((session.TimeFor("ranking").TotalSeconds - measuring) / runs / seconds));
        });
    }

    private static int PartsLeft(DcVitSession session, int round, int block)
    {
        var candidates = session.Structure.Candidates;
        var rounds = session.Options.Profile.Rerank ? session.Structure.Count : 1;
        return (rounds - round - 1) * InTurn(session, candidates.Length) + InTurn(session, candidates.Length - candidates.IndexOf(block));
    }

    // Several processes rank as many candidates in the time of one.
    private static int InTurn(DcVitSession session, int candidates)
    {
        var members = session.Compute.Group?.Members ?? 1;
        return (candidates + members - 1) / members;
    }
}
