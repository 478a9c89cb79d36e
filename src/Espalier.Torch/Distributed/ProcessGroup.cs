using System.Net;
using Espalier.Torch.Native;

namespace Espalier.Torch.Distributed;

/// <summary>
/// Processes that compute one thing together, on one machine or several: libtorch's Gloo over TCP. Every process makes the same calls in the same
/// order, on one thread. Tensors on an accelerator travel through main memory.
/// </summary>
public sealed unsafe class ProcessGroup : IDisposable
{
    private const long BucketBytes = 32 << 20;
    private const int ValueBytes = 256;
    private static readonly TimeSpan s_verdict = TimeSpan.FromSeconds(3);
    private readonly Watch _watch;
    private readonly int _rank, _size;
    private nint _store, _group;
    private int _alone;

    private ProcessGroup(GroupMember member, Watch watch, nint store, nint group) =>
        (_rank, _size, LocalSize, _watch, _store, _group) = (member.Rank, member.Size, member.LocalSize, watch, store, group);

    /// <summary>Number of this process, from 0.</summary>
    public int Rank => _alone > 0 ? 0 : _rank;

    /// <summary>Processes that work together.</summary>
    public int Size => _alone > 0 ? 1 : _size;

    /// <summary>Processes of the group, also while this one works alone.</summary>
    public int Members => _size;

    /// <summary>Processes of the group on this machine.</summary>
    public int LocalSize { get; }

    /// <summary>Whether this process is the one that keeps files and talks to people, also while it works alone.</summary>
    public bool IsFirst => _rank == 0;

    /// <summary>Done when another process was lost, with what happened.</summary>
    public Task<string> Lost => _watch.Lost;

    /// <summary>Whether <see cref="Lost"/> is about the first process, which failed and has said why.</summary>
    public bool FirstFailed => _watch.FirstFailed;

    /// <summary>Meets the other processes.</summary>
    /// <exception cref="LostProcessException">Not all of them came.</exception>
    /// <exception cref="TorchException">This build knows one process alone, or the port is taken.</exception>
    public static ProcessGroup Join(GroupMember member, GroupOptions? options = null)
    {
        options ??= new();
        var meeting = (long)options.Meeting.TotalMilliseconds;
        var place = $"meeting at {member.Address}:{member.Port}";
        GroupDoor.Check(GroupDoor.esp_store_new(member.Address, member.Port, member.Rank == 0 ? 1 : 0, meeting, out var store), place);
        Watch? watch = null;
        try
        {
            const string key = "espalier/watch";
            watch = member.Rank == 0
                ? Watch.Host(member.Size, text => GroupDoor.Check(GroupDoor.esp_store_set(store, key, text), place), options)
                : Watch.Join(member, Wait(store, key, place), options);
            GroupDoor.Check(GroupDoor.esp_group_new(store, member.Rank, member.Size, Text(watch.Local), member.Interface,
                (long)options.Exchange.TotalMilliseconds, out var group), place);
            return new ProcessGroup(member, watch, store, group);
        }
        catch
        {
            watch?.Dispose();
            GroupDoor.esp_store_free(store);
            throw;
        }
    }

    /// <summary>
    /// Until disposed, this process works by itself: the group seems to have one member, and exchanges do nothing. For work that only some do.
    /// </summary>
    public AloneBlock Alone() => new(this);

    /// <summary>Replaces each tensor by its sum over all processes.</summary>
    /// <param name="tensors">fp32 or fp64, of the same shapes everywhere.</param>
    public void Sum(params IReadOnlyList<Tensor> tensors) => Exchange(tensors, flat => GroupDoor.esp_group_sum(_group, flat), "sum over all processes");

    /// <summary>Replaces each tensor by what one process holds.</summary>
    public void Broadcast(IReadOnlyList<Tensor> tensors, int from = 0) =>
        Exchange(tensors, flat => GroupDoor.esp_group_broadcast(_group, flat, from), $"broadcast from process {from}");

    /// <summary>Replaces each number by its sum over all processes.</summary>
    public void Sum(Span<double> numbers)
    {
        if (Size == 1) return;
        using var scope = new TensorScope();
        var tensor = Tensor.From<double>(numbers, [numbers.Length]);
        Sum(tensor);
        tensor.Span<double>().CopyTo(numbers);
    }

    /// <summary>What one process says.</summary>
    /// <param name="bytes">Only that process's counts.</param>
    /// <param name="from">Its number.</param>
    public byte[] BroadcastBytes(byte[] bytes, int from = 0)
    {
        if (Size == 1) return bytes;
        using var scope = new TensorScope();
        var length = Tensor.From<long>([Rank == from ? bytes.LongLength : 0], [1]);
        Broadcast([length], from);
        var count = checked((int)length.Span<long>()[0]);
        if (count == 0) return [];
        var content = Rank == from ? Tensor.From<byte>(bytes, [count]) : Tensor.Zeros([count], DType.UInt8);
        Broadcast([content], from);
        return Rank == from ? bytes : content.Span<byte>().ToArray();
    }

    /// <summary>The number the first process has.</summary>
    public double Agree(double number)
    {
        if (Size == 1) return number;
        Span<double> one = [Rank == 0 ? number : 0];
        Sum(one);
        return one[0];
    }

    /// <summary>What the first process has decided.</summary>
    public bool Agree(bool decision) => Agree(decision ? 1.0 : 0) > 0;

    /// <summary>Waits for all processes.</summary>
    public void Barrier()
    {
        if (Size > 1) Call(() => GroupDoor.esp_group_barrier(_group), "waiting for all processes");
    }

    /// <summary>Ends the group in good order: all is done, and nobody shall take the end of this process for a loss.</summary>
    public void Leave()
    {
        Barrier();
        _watch.Leave();
    }

    /// <summary>Without <see cref="Leave"/>, the others take this process for lost.</summary>
    public void Dispose()
    {
        if (_group == 0) return;
        _watch.Dispose();
        GroupDoor.esp_group_free(_group);
        GroupDoor.esp_store_free(_store);
        (_group, _store) = (0, 0);
    }

    private static string Wait(nint store, string key, string place)
    {
        var value = stackalloc byte[ValueBytes];
        GroupDoor.Check(GroupDoor.esp_store_get(store, key, value, ValueBytes), place);
        return System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)value)!;
    }

    private static string Text(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).ToString();

    // Small tensors share a message: a network is hundreds of them.
    private void Exchange(IReadOnlyList<Tensor> tensors, Func<nint, int> exchange, string doing)
    {
        if (Size == 1) return;
        using var noGrad = new NoGrad();
        foreach (var bucket in Buckets(tensors))
        {
            using var scope = new TensorScope();
            var whole = bucket is [var one] && one.IsPlain ? one : Tensor.Cat([.. bucket.Select(t => t.Reshape(-1))], 0).To("cpu").Contiguous();
            Call(() => exchange(whole.Handle.DangerousGetHandle()), doing);
            GC.KeepAlive(whole);
            if (bucket is [var same] && ReferenceEquals(same, whole)) continue;
            var at = 0L;
            foreach (var tensor in bucket)
            {
                var count = tensor.Count;
                tensor.CopyFrom(whole.Narrow(0, at, count).Reshape(tensor.Shape));
                at += count;
            }
        }
    }

    private static IEnumerable<List<Tensor>> Buckets(IReadOnlyList<Tensor> tensors)
    {
        foreach (var alike in tensors.GroupBy(t => (t.DType, t.Device)))
        {
            var (bucket, bytes) = (new List<Tensor>(), 0L);
            foreach (var tensor in alike)
            {
                var size = tensor.Count * tensor.DType.Size();
                if (bucket.Count > 0 && bytes + size > BucketBytes)
                {
                    yield return bucket;
                    (bucket, bytes) = ([], 0);
                }
                bucket.Add(tensor);
                bytes += size;
            }
            yield return bucket;
        }
    }

    private void Call(Func<int> call, string doing)
    {
        ObjectDisposedException.ThrowIf(_group == 0, this);
        if (_watch.Lost.IsCompleted) throw new LostProcessException(_watch.Lost.Result);
        try
        {
            GroupDoor.Check(call(), doing);
        }
        catch (TorchException error) when (error is not TorchOutOfMemoryException)
        {
            // The watch knows who was lost; Gloo only that somebody was.
            throw new LostProcessException(_watch.Lost.Wait(s_verdict) ? _watch.Lost.Result : $"The other processes cannot be reached any more ({error.Message}).", error);
        }
    }

    /// <summary>See <see cref="Alone"/>.</summary>
    public readonly ref struct AloneBlock : IDisposable
    {
        private readonly ProcessGroup _group;

        internal AloneBlock(ProcessGroup group)
        {
            _group = group;
            _group._alone++;
        }

        public void Dispose() => _group._alone--;
    }
}
