using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data;

public class BatchLoaderTests
{
    private static readonly IImageTransform Plain = new EvalTransform(new() { Size = 2, CropFraction = 1, Mean = [0], Std = [1] });
    private static readonly IImageTransform Random =
        new PaddedCropTransform(new() { Size = 2, CropFraction = 1, Mean = [0], Std = [1] }, erasing: new() { Probability = 1 });

    [Fact]
    public void Every_epoch_holds_every_image_once_in_a_new_order()
    {
        using var loader = new BatchLoader(Numbers(10), Plain, new() { BatchSize = 4, Epochs = 2, Seed = 1 });
        loader.BatchesPerEpoch.ShouldBe(3);
        var epochs = Read(loader).GroupBy(b => b.Position.Epoch).Select(g => g.SelectMany(b => b.Indices).ToArray()).ToArray();
        epochs.Length.ShouldBe(2);
        foreach (var epoch in epochs) epoch.Order().ShouldBe(Enumerable.Range(0, 10));
        epochs[0].ShouldNotBe(epochs[1]);
        loader.Next().ShouldBeNull();
    }

    [Fact]
    public void Images_and_labels_stay_together_and_the_last_batch_is_kept()
    {
        using var loader = new BatchLoader(Numbers(5), Plain, new() { BatchSize = 2, Shuffle = false, Epochs = 1 });
        var batches = Read(loader);
        batches.Select(b => b.Count).ShouldBe([2, 2, 1]);
        batches.SelectMany(b => b.Labels).ShouldBe([0, 1, 2, 3, 4]);
        batches[1].Images.ToArray().ShouldBe([2 / 255f, 2 / 255f, 2 / 255f, 2 / 255f, 3 / 255f, 3 / 255f, 3 / 255f, 3 / 255f]);
        batches[2].Images.Length.ShouldBe(4);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(4, 2)]
    [InlineData(3, 8)]
    public void Threads_and_prefetch_do_not_change_anything(int threads, int prefetch)
    {
        var options = new LoaderOptions { BatchSize = 3, Epochs = 3, Seed = 9 };
        using var one = new BatchLoader(Numbers(20), Random, options);
        using var other = new BatchLoader(Numbers(20), Random, options with { Threads = threads, Prefetch = prefetch, CacheBytes = 40 });
        Read(other).Select(b => b.Images.ToArray()).ShouldBe(Read(one).Select(b => b.Images.ToArray()));
    }

    [Fact]
    public void A_stored_position_goes_on_with_the_same_batches()
    {
        var options = new LoaderOptions { BatchSize = 3, Epochs = 3, Seed = 9 };
        using var whole = new BatchLoader(Numbers(10), Random, options);
        for (var i = 0; i < 6; i++) whole.Next();
        whole.Position.ShouldBe(new LoaderPosition(1, 2));
        using var resumed = new BatchLoader(Numbers(10), Random, options with { Start = whole.Position });
        Read(resumed).Select(b => b.Images.ToArray()).ShouldBe(Read(whole).Select(b => b.Images.ToArray()));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 4)]
    public void Images_that_go_while_they_are_read_are_left_out_of_their_batches(int threads, int prefetch)
    {
        using var folder = new TemporaryFolder();
        foreach (var i in Enumerable.Range(0, 7)) folder.AddImage($"{i}.jpg");
        var dataset = ImageDataset.Open(folder.Path);
        var options = new LoaderOptions { BatchSize = 3, Shuffle = false, Epochs = 2, Threads = threads, Prefetch = prefetch, CacheBytes = 0, SkipUnreadable = true };
        File.Delete(Path.Combine(folder.Path, "1.jpg"));
        using (var cut = File.OpenWrite(Path.Combine(folder.Path, "5.jpg"))) cut.SetLength(100);

        using var loader = new BatchLoader(dataset, Plain, options);
        var batches = Read(loader);

        batches.Select(b => b.Indices).ShouldBe([[0, 2], [3, 4], [6], [0, 2], [3, 4], [6]]);
        foreach (var batch in batches) (batch.Labels.Length, batch.Images.Length).ShouldBe((batch.Count, batch.Count * 4));
        batches.Select(b => string.Join(' ', b.Skipped.Select(s => s.Item.Id))).ShouldBe(["1.jpg", "5.jpg", "", "1.jpg", "5.jpg", ""]);
        batches[0].Skipped[0].Reason.ShouldContain("1.jpg: ");
        using var strict = new BatchLoader(dataset, Plain, options with { SkipUnreadable = false });
        Should.Throw<InputException>(() => Read(strict)).Message.ShouldContain("1.jpg");
        foreach (var file in Directory.GetFiles(folder.Path)) File.Delete(file);
        using var empty = new BatchLoader(dataset, Plain, options);
        Read(empty).ShouldAllBe(b => b.Count == 0 && b.Total == 0 && b.Skipped.Count > 0);
    }

    [Fact]
    public void A_batch_takes_memory_for_the_images_there_are()
    {
        using var loader = new BatchLoader(Numbers(2), Plain, new() { BatchSize = int.MaxValue, Epochs = 1 });
        loader.Next()!.Count.ShouldBe(2);
    }

    [Fact]
    public void A_broken_image_is_reported_to_the_consumer_at_its_batch()
    {
        var items = Numbers(6).Items.SetItem(4, new ImageFileItem("x", 0, "/nowhere/x.png"));
        using var loader = new BatchLoader(new("broken", items), Plain, new() { BatchSize = 2, Shuffle = false });
        loader.Next().ShouldNotBeNull();
        loader.Next().ShouldNotBeNull();
        Should.Throw<InputException>(() => loader.Next()).Message.ShouldContain("/nowhere/x.png");
        Should.Throw<InputException>(() => loader.Next());
    }

    [Fact]
    public void Waiting_can_be_cancelled_and_the_loader_still_ends()
    {
        using var blocked = new ManualResetEventSlim();
        using var cancel = new CancellationTokenSource(50);
        using (var loader = new BatchLoader(Numbers(4), new Blocking(blocked), new() { BatchSize = 2 }))
        {
            Should.Throw<OperationCanceledException>(() => loader.Next(cancel.Token));
            blocked.Set();
            loader.Next().ShouldNotBeNull().Position.ShouldBe(new LoaderPosition(0, 0));
        }
    }

    [Fact]
    public void Memory_of_a_disposed_batch_is_used_again()
    {
        using var loader = new BatchLoader(Numbers(4), Plain, new() { BatchSize = 2, Prefetch = 1 });
        var batch = loader.Next()!;
        batch.Dispose();
        Should.Throw<ObjectDisposedException>(() => batch.Images.Length);
        for (var i = 0; i < 100; i++) loader.Next()!.Dispose();
    }

    [Fact]
    public void Faulty_options_are_listed_together()
    {
        var message = Should.Throw<UsageException>(() => new LoaderOptions { BatchSize = 0, Threads = 0, Epochs = 0 }.Validate()).Message;
        message.ShouldBe("Data loading: batch size 0 (at least 1); 0 loader threads (at least 1); 0 epochs (at least 1).");
        Should.Throw<InputException>(() => new BatchLoader(Numbers(0), Plain));
    }

    [Fact]
    public void The_cache_keeps_what_fits()
    {
        using var folder = new TemporaryFolder();
        foreach (var name in (string[])["a.png", "b.png", "c.png"]) folder.AddImage(name, "rgb.png");
        var cache = new ImageCache(ImageDataset.Open(folder.Path), 3, capacity: 2 * 37 * 29 * 3);
        cache.Get(0).ShouldBeSameAs(cache.Get(0));
        cache.Get(1).ShouldBeSameAs(cache.Get(1));
        cache.Get(2).ShouldNotBeSameAs(cache.Get(2));
        cache.UsedBytes.ShouldBe(2 * 37 * 29 * 3);
    }

    private static List<Batch> Read(BatchLoader loader)
    {
        List<Batch> batches = [];
        while (loader.Next() is { } batch) batches.Add(batch);
        return batches;
    }

    private static ImageDataset Numbers(int count) => new("numbers", [.. Enumerable.Range(0, count).Select(Number)]);

    private static ImageItem Number(int i) => new ImageMemoryItem($"{i}", i, new ImageBuffer(2, 2, 1, Enumerable.Repeat((byte)i, 4).ToArray()));

    private sealed class Blocking(ManualResetEventSlim gate) : IImageTransform
    {
        public int Channels => 1;

        public int Size => 2;

        public void Apply(ImageBuffer image, SeededRandom random, Span<float> destination) => gate.Wait();
    }
}
