using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Espalier.Models.Formats;
using Espalier.Reports;
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
    private const string RemovedSteps = ".steps.removed";
    private const string ResultStep = "result";
    // A thousand years.
    private const double MostSeconds = 3e10;
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
    /// <summary>Time between two saved states of a training; zero saves after every step.</summary>
    public TimeSpan SaveEvery { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>True when all is done and nothing is left to resume: the steps' files go last.</summary>
    public bool IsComplete => State.Finished && !Directory.Exists(PathOf(StepsFolder));

    /// <summary>Refuses an output folder in which no run can be started; writes nothing, so that it can be asked before long work.</summary>
    /// <param name="path">The folder; need not exist.</param>
    /// <param name="force">Whether what it holds may be replaced.</param>
    /// <param name="reads">Files and folders the run reads: replacing them would destroy what it is made from.</param>
    /// <exception cref="UsageException">It is a file, it holds files, or what the run reads lies where it would clear.</exception>
    public static void Check(string path, bool force, params IEnumerable<string> reads)
    {
        path = FullPath(path);
        if (File.Exists(path)) throw new UsageException($"'{path}' is a file; give a folder for the output.");
        if (!HoldsFiles(path)) return;
        if (!force) throw new UsageException(Refusal(path)) { Settings = [nameof(RunOptions.Existing)] };
        var owns = IsOwned(path);
        if (OutputPaths.FirstWithin(path, reads, entry => IsCleared(entry, owns)) is { } read)
            throw new UsageException($"'{path}' holds '{read}', which the run reads. Choose another folder for the output: replacing this one would destroy what the run is made from.") { Settings = [nameof(RunOptions.Existing)] };
    }

    /// <summary>Starts a run in <paramref name="path"/>; refuses a folder that holds files unless <paramref name="force"/> is set.</summary>
    /// <inheritdoc cref="Check"/>
    public static RunFolder Create(string path, RunManifest manifest, bool force, params IEnumerable<string> reads)
    {
        Check(path, force, reads);
        path = FullPath(path);
        var earlier = HoldsFiles(path);
        MakeFolder(path);
        var held = RunLock.Take(path);
        try
        {
            var folder = new RunFolder(path, manifest with { OwnsFolder = !earlier || IsOwned(path) }, new RunState { Clearing = earlier }, held);
            // From here on nothing of an earlier run counts, whatever stops this one.
            if (earlier) folder.Save(folder.State);
            folder.WriteJson(ManifestFile, folder.Manifest, RunJson.Default.RunManifest);
            folder.ClearEarlier();
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
            if (state.Seconds is not (>= 0 and < MostSeconds)) throw new InputException($"'{System.IO.Path.Combine(path, StateFile)}' says that {state.Seconds} seconds were worked; start again in its place.") { Settings = [nameof(RunOptions.Existing)] };
            var folder = new RunFolder(path, manifest, state, held);
            folder.DeleteRemovedSteps();
            if (state.Clearing) folder.ClearEarlier();
            return folder;
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
        // Another version's file may lack what this one needs, or mean something else by it; so the version comes first.
        var mark = ReadJson(path, ManifestFile, RunJson.Default.RunFormat);
        if (mark.FormatVersion is null) throw new InputException($"Cannot read '{System.IO.Path.Combine(path, ManifestFile)}': it names no format version.");
        if (mark.FormatVersion != RunManifest.CurrentFormat)
            throw new InputException($"'{path}' was made by Espalier {mark.Version ?? "of an unknown version"}, whose run folders (format {mark.FormatVersion}) "
                + $"this version (format {RunManifest.CurrentFormat}) cannot resume; resume it there, or start again in its place.") { Settings = [nameof(RunOptions.Existing)] };
        return ReadJson(path, ManifestFile, RunJson.Default.RunManifest);
    }

    /// <summary>The folder a step may fill and later steps may read; made when missing.</summary>
    /// <exception cref="FailureException">The run folder is gone, or the step's cannot be made.</exception>
    public string StepFolder(string step)
    {
        // Made anew it would hold the later half of a run.
        if (!File.Exists(PathOf(ManifestFile))) throw new FailureException($"The run folder '{Path}' was removed while the run was working in it; start it again.");
        return AtomicFile.MakeFolder(System.IO.Path.Combine(Path, StepsFolder, step));
    }

    /// <summary>Where the last step makes the result ready: its files come into the run folder when the run is complete, the weights last of all.</summary>
    public string ResultFolder => StepFolder(ResultStep);

    /// <summary>Where the result is: ready among the steps, or in the run folder.</summary>
    public string Result => File.Exists(System.IO.Path.Combine(Ready, ModelFile)) ? Ready : Path;

    /// <summary>Removes what the steps of a run left that was stopped after its results were whole.</summary>
    public static void Tidy(string path)
    {
        if (!Directory.Exists(System.IO.Path.Combine(path, StepsFolder)) && !Directory.Exists(System.IO.Path.Combine(path, RemovedSteps))) return;
        using var run = Open(path);
        run.Complete();
    }

    /// <summary>Full path of a file in the folder.</summary>
    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Counts time that was spent on the run before it was opened: it is a part of what the run may take.</summary>
    public void Charge(TimeSpan spent) => Save(State with { Seconds = State.Seconds + spent.TotalSeconds });

    /// <summary>Marks the run as finished, brings its result out and removes what the steps left; for its end, when all else is written.</summary>
    public void Complete()
    {
        if (!State.Finished) Save(State with { Finished = true });
        BringOut();
        // At one blow: a half of the steps could not be resumed from.
        if (Directory.Exists(PathOf(StepsFolder))) Directory.Move(PathOf(StepsFolder), PathOf(RemovedSteps));
        DeleteRemovedSteps();
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
            ? $"'{path}' already holds a run; go on with it ({CommandLineText.Of(["resume", path])}), replace it, or choose another folder."
            : $"'{path}' already holds files; choose another folder or replace them.";

    private static bool HoldsFiles(string path) =>
        Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any(e => !IsTrace(System.IO.Path.GetFileName(e)));

    // A folder that runs had to themselves is emptied; in one that held other files before, only a run's own are removed.
    private static bool IsCleared(string entry, bool ownsFolder) =>
        entry is not (RunLock.FileName or ManifestFile or StateFile) && (ownsFolder || entry is StepsFolder or RemovedSteps or ModelFile);

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

    // What a process leaves that was killed before it had a run: nothing anyone would miss.
    private static bool IsTrace(string name) =>
        name == RunLock.FileName || name == AtomicFile.TemporaryName(ManifestFile) || name == AtomicFile.TemporaryName(StateFile);

    // Whether an earlier run had the folder to itself; one that cannot be read tells nothing.
    private static bool IsOwned(string path)
    {
        try
        {
            return File.Exists(System.IO.Path.Combine(path, ManifestFile)) && ReadJson(path, ManifestFile, RunJson.Default.RunManifest).OwnsFolder;
        }
        catch (InputException)
        {
            return false;
        }
    }

    // Removes what an earlier run left.
    private void ClearEarlier()
    {
        foreach (var entry in State.Clearing ? new DirectoryInfo(Path).GetFileSystemInfos() : [])
        {
            if (!IsCleared(entry.Name, Manifest.OwnsFolder)) continue;
            if (entry is DirectoryInfo { LinkTarget: null } directory) directory.Delete(recursive: true);
            else entry.Delete();
        }
        Save(new RunState());
    }

    private string Ready => System.IO.Path.Combine(Path, StepsFolder, ResultStep);

    // The result stays whole where it is until the weights go: this may be done again from the start.
    private void BringOut()
    {
        if (Result == Path) return;
        foreach (var file in Directory.EnumerateFiles(Ready))
            if (System.IO.Path.GetFileName(file) is var name and not ModelFile) AtomicFile.Copy(file, PathOf(name));
        AtomicFile.Move(System.IO.Path.Combine(Ready, ModelFile), PathOf(ModelFile));
    }

    private void DeleteRemovedSteps()
    {
        if (Directory.Exists(PathOf(RemovedSteps))) Directory.Delete(PathOf(RemovedSteps), recursive: true);
    }

    private static T ReadJson<T>(string folder, string name, JsonTypeInfo<T> type) => JsonFile.Read(System.IO.Path.Combine(folder, name), type);

    private void WriteJson<T>(string name, T value, JsonTypeInfo<T> type) =>
        AtomicFile.WriteBytes(PathOf(name), JsonSerializer.SerializeToUtf8Bytes(value, type));
}
