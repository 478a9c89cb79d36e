using Espalier.Models.Data;

namespace Espalier.Models.Tests.Data.Loading;

public class BatchShareTests
{
    [Fact]
    public void The_parts_of_a_batch_are_the_batch_and_each_is_its_own_mirror()
    {
        for (var count = 1; count <= 23; count++)
            for (var parts = 1; parts <= 7; parts++)
            {
                var shares = Enumerable.Range(0, parts).Select(part => new BatchShare(part, parts).Of(count)).ToList();
                shares.SelectMany(s => s).Order().ShouldBe(Enumerable.Range(0, count));
                foreach (var share in shares)
                {
                    share.ShouldBe(share.Order());
                    share.Reverse().ShouldBe(share.Select(place => count - 1 - place));
                }
                (shares.Max(s => s.Length) - shares.Min(s => s.Length)).ShouldBeLessThanOrEqualTo(3);
            }
    }

    [Fact]
    public void A_loader_with_a_share_gives_that_part_of_each_batch()
    {
        var images = new ImageDataset("test", [.. Enumerable.Range(0, 11).Select(i => new ImageMemoryItem($"{i}", i % 3, new ImageBuffer(4, 4, 1, [.. Enumerable.Range(0, 16).Select(k => (byte)(16 * i + k))])))]);
        var transform = new EvalTransform(new Preprocessing { Size = 4, CropFraction = 1, Mean = [0.5], Std = [0.5] });
        using var whole = new BatchLoader(images, transform, new LoaderOptions { BatchSize = 4, Seed = 1, Epochs = 2 });
        using var first = new BatchLoader(images, transform, new LoaderOptions { BatchSize = 4, Seed = 1, Epochs = 2, Share = new(0, 2) });
        using var second = new BatchLoader(images, transform, new LoaderOptions { BatchSize = 4, Seed = 1, Epochs = 2, Share = new(1, 2) });
        while (whole.Next() is { } batch)
        {
            Batch[] parts = [first.Next()!, second.Next()!];
            parts.ShouldAllBe(p => p.Total == batch.Count);
            for (var k = 0; k < batch.Count; k++)
            {
                var part = parts.Single(p => p.Places.Contains(k));
                var at = Array.IndexOf(part.Places, k);
                (part.Indices[at], part.Labels[at]).ShouldBe((batch.Indices[k], batch.Labels[k]));
                part.Images.Slice(16 * at, 16).ToArray().ShouldBe(batch.Images.Slice(16 * k, 16).ToArray());
            }
        }
        first.Next().ShouldBeNull();
    }
}
