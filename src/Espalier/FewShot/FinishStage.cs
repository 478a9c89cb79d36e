using System.Text.Json.Nodes;
using Espalier.MetricSets;
using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Runs;

namespace Espalier.FewShot;

/// <summary>The last step: what every method leaves in the run folder besides the report.</summary>
internal static class FinishStage
{
    internal const string Name = "finish";

    /// <summary>Writes the pictures, the list of images and the model folder.</summary>
    /// <param name="session">The session.</param>
    /// <param name="context">The step.</param>
    /// <param name="student">The finished network.</param>
    /// <param name="result">The result, for the numbers of steps.</param>
    /// <param name="own">What the method adds to the provenance: its switches, what it chose. No times: the same run gives the same bytes.</param>
    internal static void Run(FewShotSession session, StepContext context, Model student, FewShotResult result, JsonObject own)
    {
        WritePictures(session, context.Run.PathOf(FewShotResult.PicturesFolder));
        AtomicFile.WriteText(context.Run.PathOf(PrepareStage.SamplesFile), session.Samples.List);
        var provenance = Provenance(session, result);
        foreach (var (key, value) in own) provenance.Add(key, value?.DeepClone());
        ModelFolder.Write(context.Run.ResultFolder, student, provenance, session.Request.Model.ClassNames);
    }

    private static void WritePictures(FewShotSession session, string folder)
    {
        var set = MetricSetFile.Read(session.Folder.StepFolder(MetricSetStage.Name));
        if (set.Steps == 0) return; // real images stay where they are
        Directory.CreateDirectory(folder);
        foreach (var (image, i) in set.ToImages(session.Teacher.Preprocessing).Select((image, i) => (image, i)))
            PngWriter.Write(Path.Combine(folder, $"{i:D3}.png"), image);
    }

    private static JsonObject Provenance(FewShotSession session, FewShotResult result) => new()
    {
        ["method"] = session.Request.Method,
        ["seed"] = session.Request.Seed,
        ["target"] = session.Request.Target.ToString(),
        ["images"] = session.Samples.Train.Count,
        ["image_list_hash"] = session.Samples.ListHash,
        ["source"] = session.Request.Model.Architecture.Name,
        ["source_hash"] = session.Request.Model.SourceHash,
        ["synthesis_steps"] = result.SynthesisSteps,
        ["steps"] = result.FinetuneSteps,
        ["precision"] = session.Compute.PrecisionName,
    };
}
