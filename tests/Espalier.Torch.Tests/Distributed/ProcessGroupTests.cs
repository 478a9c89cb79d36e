using System.Diagnostics;
using Espalier.Torch.Distributed;

namespace Espalier.Torch.Tests.Distributed;

public class ProcessGroupTests : TorchTest
{
    [Theory]
    [InlineData(DType.Float32)]
    [InlineData(DType.Float64)]
    public void A_sum_is_that_of_all_members_whatever_the_shapes(DType type)
    {
        var results = Together.Run(3, group =>
        {
            using var scope = new TensorScope();
            var whole = Range(4, 3).To(type) + group.Rank;
            var turned = (Range(2, 5).To(type) * (group.Rank + 1)).Transpose(0, 1);
            var number = Tensor.Full([], group.Rank, type);
            group.Sum(whole, turned, number);
            return (Whole: whole.ToArray<double>(), Turned: turned.ToArray<double>(), Number: number.Item());
        });
        foreach (var (whole, turned, number) in results)
        {
            whole.ShouldBe(Enumerable.Range(0, 12).Select(k => 3.0 * k + 3));
            turned.ShouldBe(Range(2, 5).Transpose(0, 1).ToArray<double>().Select(x => 6 * x));
            number.ShouldBe(3);
        }
    }

    [Fact]
    public void A_sum_is_the_same_to_the_last_bit_everywhere()
    {
        var results = Together.Run(3, group =>
        {
            using var scope = new TensorScope();
            var random = new Random(group.Rank);
            var tensor = Tensor.From<float>([.. Enumerable.Range(0, 1000).Select(_ => (float)random.NextDouble())]);
            group.Sum(tensor);
            return tensor.ToArray<float>();
        });
        results[1].ShouldBe(results[0]);
        results[2].ShouldBe(results[0]);
        var expected = Enumerable.Range(0, 3).Select(rank => new Random(rank)).ToArray();
        foreach (var value in results[0]) ((double)value).ShouldBe(expected.Sum(r => (float)r.NextDouble()), 1e-6);
    }

    [Fact]
    public void What_one_member_holds_comes_to_all()
    {
        var results = Together.Run(3, group =>
        {
            using var scope = new TensorScope();
            Tensor[] tensors = [Range(3) + group.Rank, Tensor.From<long>([group.Rank, 7])];
            group.Broadcast(tensors, from: 2);
            var bytes = group.BroadcastBytes(group.Rank == 1 ? [1, 2, 3] : [], from: 1);
            var none = group.BroadcastBytes([], from: 0);
            Span<double> numbers = [group.Rank, 1];
            group.Sum(numbers);
            return (tensors[0].ToArray<float>(), tensors[1].ToArray<long>(), bytes, none.Length, Sum: numbers.ToArray(), group.Agree(group.Rank + 5.5), group.Agree(group.Rank == 0));
        });
        foreach (var (floats, longs, bytes, none, sum, agreed, decision) in results)
        {
            floats.ShouldBe([2, 3, 4]);
            longs.ShouldBe([2, 7]);
            bytes.ShouldBe([1, 2, 3]);
            none.ShouldBe(0);
            sum.ShouldBe([3, 3]);
            agreed.ShouldBe(5.5);
            decision.ShouldBeTrue();
        }
    }

    [Fact]
    public void More_than_a_message_holds_comes_whole()
    {
        const int count = 5, length = 2_500_000; // 10 MB each, 32 a message
        var results = Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            Tensor[] tensors = [.. Enumerable.Range(0, count).Select(k => Tensor.Full([length], k + group.Rank))];
            group.Sum(tensors);
            return tensors.Select(t => (-(-t).Max().Item(), t.Max().Item())).ToArray();
        });
        foreach (var result in results) result.ShouldBe(Enumerable.Range(0, count).Select(k => (2.0 * k + 1, 2.0 * k + 1)));
    }

    [Fact]
    public void A_member_that_works_alone_exchanges_nothing()
    {
        var results = Together.Run(2, group =>
        {
            using var scope = new TensorScope();
            var tensor = Tensor.Full([2], 3);
            using (group.Alone())
            {
                group.Sum(tensor);
                (group.Rank, group.Size, group.Members).ShouldBe((0, 1, 2));
            }
            group.Barrier();
            return (group.Rank, group.Size, group.IsFirst, tensor.ToArray<float>()[0]);
        });
        results.ShouldBe([(0, 2, true, 3f), (1, 2, false, 3f)]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void When_a_member_fails_all_others_learn_of_it(int failing)
    {
        var begun = Stopwatch.GetTimestamp();
        var told = 0;
        var errors = Should.Throw<AggregateException>(() => Together.Run<int>(3, group =>
        {
            if (group.Rank == failing) throw new InvalidOperationException("its own reason");
            while (true) group.Barrier();
        }, new GroupOptions { OnLost = _ => Interlocked.Increment(ref told) })).InnerExceptions;
        Stopwatch.GetElapsedTime(begun).ShouldBeLessThan(TimeSpan.FromSeconds(20));
        errors.OfType<InvalidOperationException>().Single().Message.ShouldBe("its own reason");
        var lost = errors.OfType<LostProcessException>().ToList();
        lost.Count.ShouldBe(2);
        lost.ShouldContain(e => e.Message == $"Process {failing} of 3 failed; its own message says why.");
        told.ShouldBeInRange(1, 3);
    }

    [Fact]
    public void Members_that_do_not_come_are_waited_for_so_long_and_no_longer()
    {
        var options = new GroupOptions { Meeting = TimeSpan.FromSeconds(2) };
        Should.Throw<LostProcessException>(() => ProcessGroup.Join(new GroupMember(0, 2, "127.0.0.1", Together.FreePort()), options)).Message
            .ShouldBe("Only 1 of 2 processes came within 2 seconds; check that all were started and reach this machine.");
        Should.Throw<TorchException>(() => ProcessGroup.Join(new GroupMember(1, 2, "127.0.0.1", Together.FreePort()), options)).Message.ShouldStartWith("meeting at 127.0.0.1:");
    }

    [Fact]
    public void Waiting_for_members_can_be_stopped()
    {
        using var stop = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        Should.Throw<OperationCanceledException>(() =>
            ProcessGroup.Join(new GroupMember(0, 2, "127.0.0.1", Together.FreePort()), new GroupOptions { Cancellation = stop.Token }));
    }
}
