// Progress that a user interface reads at its own pace, and a button that stops: ProgressInUi MODEL IMAGES OUTPUT MINUTES [STOP_AFTER_SECONDS]
using System.Globalization;
using System.Threading.Channels;
using Espalier;
using Espalier.Budget;
using Espalier.Models.Data;
using Espalier.Runs;

var options = new CompressOptions
{
    Target = Target.KeepMacs(0.75),
    Images = ImageDataset.Open(args[1], LabelPolicy.Ignored),
    Time = TimeSpan.FromMinutes(double.Parse(args[3], CultureInfo.InvariantCulture)),
    Existing = ExistingRun.GoOn, // what was stopped goes on where it was
};
using var stop = new CancellationTokenSource();
if (args.Length > 4) stop.CancelAfter(TimeSpan.FromSeconds(double.Parse(args[4], CultureInfo.InvariantCulture)));

// The work has a thread of its own. Of updates nobody has read yet, the latest will do.
var updates = Channel.CreateBounded<ProgressUpdate>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
var work = Task.Factory.StartNew(() =>
{
    try
    {
        return EspalierModel.Open(args[0]).Compress(args[2], options, new ToChannel(updates.Writer), stop.Token);
    }
    finally
    {
        updates.Writer.Complete();
    }
}, stop.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);

await foreach (var update in updates.Reader.ReadAllAsync())
{
    var share = update.Total > 0 ? 20 * update.Step / update.Total : 0;
    Console.WriteLine($"[{new string('#', (int)share),-20}] {update.Stage} {update.Note}{update.Status} {(update.Left is { } left ? $"{left:mm\\:ss} left" : "")}");
}
try
{
    Console.WriteLine($"done: {(await work).After.MacsBudget:N0} MACs");
    return 0;
}
catch (OperationCanceledException)
{
    Console.WriteLine("stopped; start again to go on");
    return 2;
}

/// <summary>Unlike <see cref="Progress{T}"/>, keeps the order of updates.</summary>
internal sealed class ToChannel(ChannelWriter<ProgressUpdate> updates) : IProgress<ProgressUpdate>
{
    public void Report(ProgressUpdate value) => updates.TryWrite(value);
}
