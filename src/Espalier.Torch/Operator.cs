using System.Runtime.CompilerServices;
using System.Text;
using Espalier.Torch.Native;

namespace Espalier.Torch;

/// <summary>Is told of a call that went well.</summary>
internal delegate void OperatorObserver(string name, ReadOnlySpan<Arg> args);

/// <summary>
/// One operator of libtorch, found by schema name and overload (for example <c>aten::add</c>, <c>Tensor</c>) and called through
/// the dispatcher. Keep one in a static field: looking it up costs more than calling it.
/// </summary>
/// <param name="name">Schema name with its namespace.</param>
/// <param name="overload">Overload name; most operators' first overload is empty.</param>
public sealed unsafe class Operator(string name, string overload = "")
{
    private const int MaxArgs = 16;
    private const int ResultCapacity = 8;
    [ThreadStatic] private static OperatorObserver? s_observer;
    private nint _operator;

    /// <summary>Whether this libtorch has the operator (newer versions have some that older ones lack).</summary>
    public bool Exists
    {
        get
        {
            Door.Check(Door.esp_has_operator(name, overload, out var found));
            return found != 0;
        }
    }

    /// <summary>Calls and returns the first result, a tensor. Missing trailing arguments take the schema's defaults.</summary>
    /// <exception cref="TorchException">libtorch refused the call.</exception>
    public Tensor Call(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[ResultCapacity];
        var rest = Invoke(args, results, out var count);
        for (var k = 1; k < count; k++) Free(rest is null ? results[k] : rest[k]);
        if (count == 0 || results[0].Tag != ValueTag.Tensor || results[0].Pointer == 0)
            throw new TorchException($"{Name} returned no tensor");
        return new Tensor(results[0].Pointer);
    }

    /// <summary>Calls and returns all results that are tensors, lists flattened, undefined ones as null.</summary>
    public Tensor?[] CallMany(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[ResultCapacity];
        var rest = Invoke(args, results, out var count);
        var tensors = new Tensor?[count];
        for (var k = 0; k < count; k++)
        {
            var value = rest is null ? results[k] : rest[k];
            tensors[k] = value.Tag == ValueTag.Tensor && value.Pointer != 0 ? new Tensor(value.Pointer) : null;
        }
        return tensors;
    }

    /// <summary>Calls an operator that returns nothing, or whose result is one of its arguments.</summary>
    public void Run(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[ResultCapacity];
        var rest = Invoke(args, results, out var count);
        for (var k = 0; k < count; k++) Free(rest is null ? results[k] : rest[k]);
    }

    /// <summary>Calls an operator that returns one number; a boolean is 0 or 1.</summary>
    /// <exception cref="TorchException">libtorch refused the call, or the operator returned something else.</exception>
    public double CallNumber(params ReadOnlySpan<Arg> args)
    {
        var results = stackalloc NativeValue[ResultCapacity];
        var rest = Invoke(args, results, out var count);
        if (count == 1 && results[0].Tag == ValueTag.Double) return results[0].Double;
        if (count == 1 && results[0].Tag is ValueTag.Int or ValueTag.Bool) return results[0].Int;
        for (var k = 0; k < count; k++) Free(rest is null ? results[k] : rest[k]);
        throw new TorchException($"{Name} returned no number");
    }

    /// <summary>Does some work while <paramref name="observer"/> is told of every call on this thread; tests count by it what is really computed.</summary>
    internal static void Observe(OperatorObserver observer, Action work)
    {
        var before = s_observer;
        s_observer = observer;
        try
        {
            work();
        }
        finally
        {
            s_observer = before;
        }
    }

    private string Name => overload.Length == 0 ? name : $"{name}.{overload}";

    private nint Handle()
    {
        if (_operator == 0) Door.Check(Door.esp_operator(name, overload, out _operator), Name);
        return _operator;
    }

    // Returns null when the results fit the caller's buffer, else all of them. The first is in the buffer either way.
    [SkipLocalsInit]
    private NativeValue[]? Invoke(ReadOnlySpan<Arg> args, NativeValue* results, out int count)
    {
        if (args.Length > MaxArgs) throw new ArgumentException($"{Name}: more than {MaxArgs} arguments");
        var handle = Handle();
        var values = stackalloc NativeValue[MaxArgs];
        var scratch = stackalloc long[ArgMarshaller.ScratchBytes / sizeof(long)]; // of long for its alignment
        var call = new ArgMarshaller((byte*)scratch);
        try
        {
            for (var k = 0; k < args.Length; k++) values[k] = call.Add(args[k]);
            var code = Door.esp_call(handle, values, args.Length, results, ResultCapacity, out count);
            if (code != 0) Fail(code, args);
            s_observer?.Invoke(name, args);
        }
        finally
        {
            call.Release();
        }
        if (count <= ResultCapacity) return null;
        var rest = new NativeValue[count];
        fixed (NativeValue* p = rest) Door.Check(Door.esp_pending(p, count), Name);
        results[0] = rest[0];
        return rest;
    }

    private void Fail(int code, ReadOnlySpan<Arg> args)
    {
        var text = new StringBuilder(Name).Append('(');
        for (var k = 0; k < args.Length; k++) text.Append(k == 0 ? "" : ", ").Append(args[k].ToString());
        Door.Check(code, text.Append(')').ToString());
    }

    private static void Free(NativeValue value)
    {
        if (value.Tag == ValueTag.Tensor && value.Pointer != 0) Door.esp_tensor_free(value.Pointer);
    }
}
