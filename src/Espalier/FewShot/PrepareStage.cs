using Espalier.Models.Data;
using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>The first step: draw the few-shot images, measure the teacher.</summary>
internal static class PrepareStage
{
    internal const string Name = "prepare";
    internal const string SamplesFile = "samples.txt";
    private const string RecordFile = "prepared.json";

    internal static void Run(FewShotSession session, StepContext context)
    {
        var request = session.Request;
        if (request.Images is { } images)
        {
            var drawn = request.Draw(images);
            SampleList.Write(Path.Combine(context.Folder, SamplesFile), images, drawn);
            if (drawn.Length < request.Count && request.SampleList is null)
                context.Progress.Report(ProgressUpdate.Message("images", $"there are only {drawn.Length}, fewer than the {request.Count} asked for"));
        }
        var evaluation = session.Evaluate(session.Teacher, context.Cancellation);
        StepFile.Write(context.Folder, RecordFile, new PreparedRecord(evaluation?.Top1, evaluation?.Top5, evaluation?.Seconds ?? 0));
    }

    internal static PreparedRecord Read(FewShotSession session) =>
        StepFile.Read<PreparedRecord>(session.Folder.StepFolder(Name), RecordFile) ?? new PreparedRecord(null, null, 0);
}
