using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Espalier.Models.Formats;
using Espalier.Torch.Distributed;

namespace Espalier.Runs;

/// <summary>
/// An output folder that can be resumed: <c>run.json</c> (what was asked), <c>state.json</c> (how far it came),
/// <c>steps/NAME/</c> (what each step left) and, last of all, the results. Locked while open.
/// </summary>
public sealed class RunFolder : IDisposable
{
    private const string ManifestFile = "run.json";
    private const string StateFile = "state.json";
    private const string StepsFolder = "steps";
    private const string ModelFile = "model.safetensors";

    /// <summary>What the steps of a run need of its folder.</summary>
    internal static readonly string[] ForSteps = [ManifestFile, StateFile, StepsFolder];

    private readonly RunLock _lock;

    private RunFolder(string path, RunManifest manifest, RunState state, RunLock held) =>
        (Path, Manifest, State, _lock) = (path, manifest, state, held);

    /// <summary>Full path of the folder.</summary>
    public string Path { get; }

    public RunManifest Manifest { get; }

    public RunState State { get; private set; }

    /// <summary>Processes that share the run; null: this one alone. All but the first have a copy, which goes when it is disposed.</summary>
    internal ProcessGroup? Group { get; set; }

    /// <summary>Starts a run in <paramref name="path"/>; refuses a folder that holds files unless <paramref name="force"/> is set.</summary>
    public static RunFolder Create(string path, RunManifest manifest, bool force)
    {
        path = FullPath(path);
        if (File.Exists(path)) throw new UsageException($"'{path}' is a file; give a folder for the output.");
        var earlier = Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(e => System.IO.Path.GetFileName(e) != RunLock.FileName);
        if (earlier && !force) throw new UsageException(Refusal(path));
        MakeFolder(path);
        var held = RunLock.Take(path);
        try
        {
            var alone = !earlier || ClearEarlier(path);
            var folder = new RunFolder(path, manifest with { OwnsFolder = alone }, new RunState(), held);
            folder.WriteJson(ManifestFile, folder.Manifest, RunJson.Default.RunManifest);
            folder.Save(folder.State);
            return folder;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Opens a run that was begun earlier, to go on with it.</summary>
    public static RunFolder Open(string path)
    {
        path = FullPath(path);
        var manifest = ReadManifest(path);
        var held = RunLock.Take(path);
        try
        {
            var state = File.Exists(System.IO.Path.Combine(path, StateFile))
                ? ReadJson(path, StateFile, RunJson.Default.RunState)
                : new RunState();
            return new RunFolder(path, manifest, state, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Whether a run was begun in <paramref name="path"/>.</summary>
    public static bool Exists(string path) => File.Exists(System.IO.Path.Combine(path, ManifestFile));

    /// <summary>Reads what a run folder was asked to do, without locking it.</summary>
    public static RunManifest ReadManifest(string path)
    {
        if (!File.Exists(System.IO.Path.Combine(path, ManifestFile)))
            throw new InputException($"'{path}' is not a run folder: it has no {ManifestFile}.");
        var manifest = ReadJson(path, ManifestFile, RunJson.Default.RunManifest);
        return manifest.FormatVersion == RunManifest.CurrentFormat
            ? manifest
            : throw new InputException($"'{path}' was made by Espalier {manifest.Version}, whose run folders this version cannot resume; start again with --force.");
    }

    /// <summary>The folder a step may fill and later steps may read; made when missing.</summary>
    public string StepFolder(string step) => Directory.CreateDirectory(System.IO.Path.Combine(Path, StepsFolder, step)).FullName;

    /// <summary>Full path of a file in the folder.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Empties what the steps left; for the end of a run, when the results are whole.</summary>
    public void RemoveSteps()
    {
        var steps = System.IO.Path.Combine(Path, StepsFolder);
        if (Directory.Exists(steps)) Directory.Delete(steps, recursive: true);
    }

    public void Dispose()
    {
        _lock.Dispose();
        if (Group is { IsFirst: false }) Directory.Delete(Path, recursive: true);
    }

    internal void Save(RunState state)
    {
        WriteJson(StateFile, state, RunJson.Default.RunState);
        State = state;
    }

    private static string FullPath(string path) => System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));

    private static string Refusal(string path) =>
        File.Exists(System.IO.Path.Combine(path, ManifestFile)) && !File.Exists(System.IO.Path.Combine(path, ModelFile))
            ? $"'{path}' already holds a run; go on with it (espalier resume {path}), replace it with --force, or choose another folder."
            : $"'{path}' already holds files; choose another folder or replace them with --force.";

    private static void MakeFolder(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FailureException($"Cannot make the output folder '{path}': {error.Message} Choose another one.", error);
        }
    }

    /// <summary>
    /// Clears what an earlier run left; true when the folder is empty after it. A folder a run had to itself goes whole;
    /// in one that held other files before, only the run's own are removed.
    /// </summary>
    private static bool ClearEarlier(string path)
    {
        var isRun = File.Exists(System.IO.Path.Combine(path, ManifestFile));
        var owned = isRun && ReadJson(path, ManifestFile, RunJson.Default.RunManifest).OwnsFolder;
        string[] own = isRun ? [ManifestFile, StateFile, StepsFolder, ModelFile] : [ModelFile];
        foreach (var entry in new DirectoryInfo(path).GetFileSystemInfos())
        {
            if (entry.Name == RunLock.FileName || (!owned && !own.Contains(entry.Name))) continue;
            if (entry is DirectoryInfo { LinkTarget: null } directory) directory.Delete(recursive: true);
            else entry.Delete();
        }
        return owned;
    }

    private static T ReadJson<T>(string folder, string name, JsonTypeInfo<T> type)
    {
        var path = System.IO.Path.Combine(folder, name);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), type) ?? throw new JsonException("it is null");
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new InputException($"Cannot read '{path}': {error.Message}", error);
        }
    }

    private void WriteJson<T>(string name, T value, JsonTypeInfo<T> type) =>
        AtomicFile.WriteBytes(PathOf(name), JsonSerializer.SerializeToUtf8Bytes(value, type));
}
