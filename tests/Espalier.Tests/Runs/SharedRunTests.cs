using Espalier.Runs;
using Espalier.Torch.Distributed;

namespace Espalier.Tests.Runs;

[Collection(TorchCollection.Name)]
public sealed class SharedRunTests : IDisposable
{
    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Steps_are_done_where_they_belong_and_everyone_has_their_files()
    {
        var results = Together.Run(2, group =>
        {
            using var folder = Open(group);
            List<string> done = [];
            Execute(folder, [
                Step("alone", done, group, context => Write(context, "of", "first")),
                Step("apart-0", done, group, context => Write(context, "by", File.ReadAllText(Path.Combine(context.Run.StepFolder("apart-0"), "plan")))) with
                {
                    Apart = true, Before = context => Write(context, "plan", $"planned by {group.Rank} of {group.Size}"),
                },
                Step("apart-1", done, group, context => Write(context, "by", $"{group.Members}")) with { Apart = true },
                Step("apart-2", done, group, context => Write(context, "by", "the third")) with { Apart = true },
                Step("together", done, group, context =>
                {
                    Span<double> sum = [group.Rank + 1];
                    group.Sum(sum);
                    Write(context, "sum", $"{sum[0]} {Read(context, "alone", "of")} {Read(context, "apart-1", "by")}");
                }) with { Together = true },
                Step("large", done, group, context => File.WriteAllBytes(Path.Combine(context.Folder, "bytes"), new byte[70 << 20])),
            ]);
            var texts = Texts(folder);
            new FileInfo(Path.Combine(folder.StepFolder("large"), "bytes")).Length.ShouldBe(70 << 20);
            group.Barrier();
            return (done, texts, folder.Path, folder.State.Done.Length);
        });

        results[0].done.ShouldBe(["alone 0 of 1", "apart-0 0 of 1", "apart-2 0 of 1", "together 0 of 2", "large 0 of 1"]);
        results[1].done.ShouldBe(["apart-1 0 of 1", "together 1 of 2"]);
        results[0].texts.ShouldBe(["first", "planned by 0 of 1", "planned by 0 of 1", "2", "the third", "3 first 2"]);
        results[1].texts.ShouldBe(results[0].texts);
        results.ShouldAllBe(r => r.Length == 6);
        results[0].Path.ShouldBe(_temporary["run"]);
        Directory.Exists(results[1].Path).ShouldBeFalse("a copy goes with its process");
    }

    [Fact]
    public void What_an_earlier_sitting_left_comes_to_everyone()
    {
        using (var folder = RunFolder.Create(_temporary["run"], s_manifest, force: false))
            Should.Throw<IOException>(() => Execute(folder, [
                new RunStep("plan", context => Write(context, "plan", "4")),
                new RunStep("train", context =>
                {
                    Write(context, "checkpoint", "half");
                    throw new IOException("power cut");
                }),
            ]));

        foreach (var texts in Together.Run(2, group =>
        {
            using var folder = SharedRun.Open(group, () => RunFolder.Open(_temporary["run"]));
            folder.Manifest.Command.ShouldBe("test");
            Execute(folder, [
                new RunStep("plan", _ => throw new InvalidOperationException("done already")),
                new RunStep("train", context => Write(context, $"{group.Rank}", Read(context, "plan", "plan") + Read(context, "train", "checkpoint"))) { Together = true },
            ]);
            return Texts(folder);
        }))
            texts.ShouldBe(["4", "4half", "half"]); // the first one's files, and no other
    }

    [Fact]
    public void A_step_that_fails_in_one_process_ends_the_others()
    {
        var errors = Should.Throw<AggregateException>(() => Together.Run(2, group =>
        {
            using var folder = Open(group);
            Execute(folder, [new RunStep("one", _ => throw new InputException("an image is damaged"))]);
            return 0;
        })).InnerExceptions;
        errors.OfType<InputException>().Single().Message.ShouldBe("an image is damaged");
        errors.OfType<LostProcessException>().Single().Message.ShouldBe("Process 0 of 2 failed; its own message says why.");
        using var again = RunFolder.Open(_temporary["run"]);
        again.State.Next.ShouldBe("one");
    }

    private static readonly RunManifest s_manifest = new() { Command = "test", Arguments = ["test"], WorkingDirectory = "/", Version = "0" };

    private RunFolder Open(ProcessGroup group) => SharedRun.Open(group, () => RunFolder.Create(_temporary["run"], s_manifest, force: false));

    private static void Execute(RunFolder folder, IReadOnlyList<RunStep> steps) => new Run(folder, steps, TimeProvider.System).Execute(NoProgress.Instance, default);

    private static RunStep Step(string name, List<string> log, ProcessGroup group, Action<StepContext> action) => new(name, context =>
    {
        log.Add($"{name} {group.Rank} of {group.Size}");
        action(context);
    });

    private static void Write(StepContext context, string name, string text) => File.WriteAllText(Path.Combine(context.Folder, name), text);

    private static string Read(StepContext context, string step, string name) => File.ReadAllText(Path.Combine(context.Run.StepFolder(step), name));

    private static string[] Texts(RunFolder folder) => [.. Directory.EnumerateFiles(folder.PathOf("steps"), "*", SearchOption.AllDirectories)
        .Where(f => Path.GetFileName(f) != "bytes").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
}
