using Espalier.Models;
using Espalier.Models.Data;
using Espalier.Models.Formats;
using Espalier.Models.Vit;
using Espalier.Repair;
using Espalier.Torch;

namespace Espalier.Tests.Repair;

/// <summary>Wherever a repair is stopped, it leaves no tensor behind.</summary>
public class CancellationTests : TorchTest
{
    [Fact]
    public void A_walk_leaves_no_tensor_but_those_of_its_result() => RepairCase.ForEach(2, test =>
    {
        foreach (var edit in BlockEdits.All)
        {
            var before = Tensor.LiveCount;
            using (var result = test.Repaired(test.Teacher, test.With(0, edit.Apply), new RepairOptions { Strength = 1e-3 }))
                Tensor.LiveCount.ShouldBe(before + result.Weights.Count, edit.Name);
            Tensor.LiveCount.ShouldBe(before);
        }
    });

    [Fact]
    public void A_walk_stopped_between_two_blocks_leaves_none()
    {
        using var test = new RepairCase(1);
        var target = test.With(0, BlockEdits.Find("narrower block").Apply);
        var before = Tensor.LiveCount;
        using var source = new CancellationTokenSource();
        var stopped = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions()) { OnBlock = _ => source.Cancel() };
        Should.Throw<OperationCanceledException>(() => stopped.Run(test.Teacher, target, source.Token));
        Tensor.LiveCount.ShouldBe(before);
        var failing = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions())
        {
            OnCut = point =>
            {
                using var other = point.Cut(point.Target);
                if (point.Block == 1 && point.Widths.Contains(WidthKind.Hidden)) throw new IOException();
            },
        };
        Should.Throw<IOException>(() => failing.Run(test.Teacher, target));
        Tensor.LiveCount.ShouldBe(before);
    }

    [Theory]
    [InlineData("narrower block")]
    [InlineData("mixer")]
    [InlineData("no MLP")]
    public void A_walk_stopped_anywhere_leaves_none(string name)
    {
        using var test = new RepairCase(1);
        var target = test.With(0, BlockEdits.Find(name).Apply);
        var before = Tensor.LiveCount;
        // At every cut, and wherever a time falls: the promise is the same. Whether a timer is in time is up to the machine.
        var cuts = 0;
        while (WasStopped(cut: cuts)) cuts++;
        cuts.ShouldBeGreaterThan(1);
        for (var k = 0; k < 40; k++) WasStopped(after: TimeSpan.FromMicroseconds(k * 500));

        bool WasStopped(int? cut = null, TimeSpan? after = null)
        {
            using var source = new CancellationTokenSource(after ?? Timeout.InfiniteTimeSpan);
            var seen = 0;
            var pass = new VitRepairPass(test.Teacher, test.Calibration, test.Sensitivity, new RepairOptions { Strength = 1e-3 })
            {
                OnCut = _ =>
                {
                    if (seen++ == cut) source.Cancel();
                },
            };
            try
            {
                pass.Run(test.Teacher, target, source.Token).Dispose();
                return false;
            }
            catch (OperationCanceledException)
            {
                return true;
            }
            finally
            {
                Tensor.LiveCount.ShouldBe(before);
            }
        }
    }

    [Fact]
    public void Sums_stopped_between_two_batches_leave_none()
    {
        using var test = new RepairCase(1);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        using var source = new CancellationTokenSource();
        var layer = new LayerRepair(test.Calibration, new RepairOptions(), test.Sensitivity.AfterBlock(0), "test", source.Token);
        var before = Tensor.LiveCount;
        Should.Throw<OperationCanceledException>(() => layer.Sums(test.Net.EmbedDim, tokens, tokens, x =>
        {
            source.Cancel();
            return x;
        }));
        Tensor.LiveCount.ShouldBe(before);
    }

    [Fact]
    public void Streams_stopped_between_two_batches_leave_none_and_stay_where_they_were()
    {
        using var test = new RepairCase(1);
        using var tokens = test.Calibration.Embed(test.Teacher, CancellationToken.None);
        var first = tokens[0].ToArray<float>();
        var before = Tensor.LiveCount;
        using var source = new CancellationTokenSource();
        var calls = 0;
        Should.Throw<OperationCanceledException>(() => tokens.Advance(x =>
        {
            if (++calls == 3) source.Cancel();
            return x * 2;
        }, source.Token));
        calls.ShouldBe(3);
        Tensor.LiveCount.ShouldBe(before);
        tokens[0].ToArray<float>().ShouldBe(first);

        tokens.Advance(x => x * 2, CancellationToken.None);
        using var further = tokens.Through(x => x * 2, CancellationToken.None);
        Tensor.LiveCount.ShouldBe(before + further.Count);
        further[0].ToArray<float>().ShouldBe(first.Select(v => 4 * v));
        tokens[0].ToArray<float>().ShouldBe(first.Select(v => 2 * v));
    }

    [Fact]
    public void Images_whose_reading_is_stopped_leave_none()
    {
        using var test = new RepairCase(1);
        var before = Tensor.LiveCount;
        using (var source = new CancellationTokenSource())
            Should.Throw<OperationCanceledException>(() => new Calibration(Stopping(test, source, at: 20), test.Teacher, source.Token));
        Tensor.LiveCount.ShouldBe(before);
        using (var source = new CancellationTokenSource())
            Should.Throw<OperationCanceledException>(() => Sensitivity.Measure(test.Teacher, Stopping(test, source, at: 20), 1, source.Token));
        Tensor.LiveCount.ShouldBe(before);
    }

    // 60 images, the reading of one of which cancels.
    private static ImageDataset Stopping(RepairCase test, CancellationTokenSource source, int at)
    {
        var images = TestNets.Images(60, test.Net.ImageSize, 1, 5, 1);
        return new ImageDataset("stopping", images.Items.SetItem(at, new StoppingItem(images.Items[at], source)));
    }

    private sealed record StoppingItem(ImageItem Item, CancellationTokenSource Source) : ImageItem(Item.Id, Item.Label)
    {
        public override ImageBuffer Load(int channels = 3)
        {
            Source.Cancel();
            return Item.Load(channels);
        }
    }
}
