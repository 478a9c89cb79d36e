using System.Globalization;
using System.Numerics;
using System.Text;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// Reads a pickle as data: what it would import, call or construct becomes a value that only says so, but for the few names
/// <see cref="TorchGlobals"/> gives a meaning. A pickle is a program for a machine with a stack; running that program is safe, as it can only
/// move values about, and bounded by the number of its operations.
/// </summary>
internal sealed class Unpickler(PickleReader reader, TorchGlobals globals)
{
    private const int MaxOperations = 4_000_000;
    private const int MaxMarks = 1000;
    private const int MaxDigits = 1000;
    private const int HighestProtocol = 5;

    private readonly Dictionary<long, object?> _memo = [];
    private readonly List<object?> _stack = [];
    private readonly Stack<int> _marks = new();

    /// <summary>The next pickle's value.</summary>
    /// <exception cref="InputException">The pickle is damaged, too large, or names what no model file needs.</exception>
    public object? Load()
    {
        _memo.Clear();
        _stack.Clear();
        _marks.Clear();
        for (var k = 0; k < MaxOperations; k++)
        {
            var op = (PickleOp)reader.ReadByte();
            if (op == PickleOp.Stop) return Pop();
            Run(op);
        }
        throw reader.Invalid($"it has more than {MaxOperations} operations");
    }

    private void Run(PickleOp op)
    {
        switch (op)
        {
            case PickleOp.Proto:
                if (reader.ReadByte() is var protocol && protocol > HighestProtocol) throw reader.Invalid($"protocol {protocol} is unknown");
                break;
            case PickleOp.Frame: reader.ReadUInt64(); break;
            case PickleOp.Mark:
                if (_marks.Count == MaxMarks) throw reader.Invalid($"its values are nested more than {MaxMarks} deep");
                _marks.Push(_stack.Count);
                break;
            case PickleOp.Pop:
                if (_marks.TryPeek(out var mark) && mark == _stack.Count) _marks.Pop();
                else Pop();
                break;
            case PickleOp.PopMark: PopToMark(); break;
            case PickleOp.Dup: Push(Peek()); break;

            case PickleOp.None: Push(null); break;
            case PickleOp.NewTrue: Push(true); break;
            case PickleOp.NewFalse: Push(false); break;
            case PickleOp.BinInt: Push((long)reader.ReadInt32()); break;
            case PickleOp.BinInt1: Push((long)reader.ReadByte()); break;
            case PickleOp.BinInt2: Push((long)reader.ReadUInt16()); break;
            case PickleOp.Long1: Push(Whole(reader.ReadBytes(reader.ReadByte()))); break;
            case PickleOp.Long4: Push(Whole(reader.ReadBytes(reader.ReadInt32()))); break;
            case PickleOp.Int: Push(reader.ReadLine() is var digits && digits is "00" or "01" ? digits == "01" : Whole(digits)); break;
            case PickleOp.Long: Push(Whole(reader.ReadLine().TrimEnd('L'))); break;
            case PickleOp.Float: Push(Number(reader.ReadLine())); break;
            case PickleOp.BinFloat: Push(reader.ReadDouble()); break;

            case PickleOp.String: Push(reader.ReadLine() is { Length: > 1 } quoted ? quoted[1..^1] : throw reader.Invalid("a text is malformed")); break;
            case PickleOp.Unicode: Push(reader.ReadLine()); break;
            case PickleOp.BinString: Push(Encoding.Latin1.GetString(reader.ReadBytes(reader.ReadInt32()))); break;
            case PickleOp.ShortBinString: Push(Encoding.Latin1.GetString(reader.ReadBytes(reader.ReadByte()))); break;
            case PickleOp.BinUnicode: Push(reader.ReadText(reader.ReadUInt32())); break;
            case PickleOp.ShortBinUnicode: Push(reader.ReadText(reader.ReadByte())); break;
            case PickleOp.BinUnicode8: Push(reader.ReadText(reader.ReadUInt64())); break;
            case PickleOp.BinBytes: Push(reader.ReadCounted(reader.ReadUInt32())); break;
            case PickleOp.ShortBinBytes: Push(reader.ReadCounted(reader.ReadByte())); break;
            case PickleOp.BinBytes8 or PickleOp.ByteArray8: Push(reader.ReadCounted(reader.ReadUInt64())); break;

            case PickleOp.EmptyTuple: Push(new PickleTuple([])); break;
            case PickleOp.Tuple: Push(new PickleTuple(PopToMark())); break;
            case PickleOp.Tuple1: Push(new PickleTuple(Pop(1))); break;
            case PickleOp.Tuple2: Push(new PickleTuple(Pop(2))); break;
            case PickleOp.Tuple3: Push(new PickleTuple(Pop(3))); break;
            case PickleOp.EmptyList or PickleOp.EmptySet: Push(new PickleList()); break;
            case PickleOp.List or PickleOp.FrozenSet:
                var items = PopToMark();
                Push(new PickleList());
                Append(items);
                break;
            case PickleOp.Append: Append(Pop(1)); break;
            case PickleOp.Appends or PickleOp.AddItems: Append(PopToMark()); break;
            case PickleOp.EmptyDict: Push(new PickleDict()); break;
            case PickleOp.Dict:
                var entries = PopToMark();
                Push(new PickleDict());
                SetItems(entries);
                break;
            case PickleOp.SetItem: SetItems(Pop(2)); break;
            case PickleOp.SetItems: SetItems(PopToMark()); break;

            case PickleOp.Put: _memo[Index(reader.ReadLine())] = Peek(); break;
            case PickleOp.BinPut: _memo[reader.ReadByte()] = Peek(); break;
            case PickleOp.LongBinPut: _memo[reader.ReadUInt32()] = Peek(); break;
            case PickleOp.Memoize: _memo[_memo.Count] = Peek(); break;
            case PickleOp.Get: Recall(Index(reader.ReadLine())); break;
            case PickleOp.BinGet: Recall(reader.ReadByte()); break;
            case PickleOp.LongBinGet: Recall(reader.ReadUInt32()); break;

            case PickleOp.Global: Push(Named(reader.ReadLine(), reader.ReadLine())); break;
            case PickleOp.StackGlobal:
                var names = Pop(2);
                Push(names is [string module, string name] ? Named(module, name) : throw reader.Invalid("a name is no text"));
                break;
            case PickleOp.Reduce or PickleOp.NewObj:
                var call = Pop(2);
                Push(globals.Construct(call[0], call[1], reader));
                break;
            case PickleOp.NewObjEx: Push(globals.Construct(Pop(3)[0], new PickleTuple([]), reader)); break;
            case PickleOp.Inst:
                var type = Named(reader.ReadLine(), reader.ReadLine());
                Push(globals.Construct(type, new PickleTuple(PopToMark()), reader));
                break;
            case PickleOp.Obj:
                var parts = PopToMark();
                Push(parts.Length > 0 ? globals.Construct(parts[0], new PickleTuple(parts[1..]), reader) : throw reader.Invalid("an object has no class"));
                break;
            case PickleOp.Build:
                var state = Pop();
                // Only a stand-in keeps its state; the metadata of a state dict says nothing of its tensors.
                if (Peek() is PickleObject target) target.State = state;
                break;
            case PickleOp.BinPersId: Push(globals.Persistent(Pop(), reader)); break;
            case PickleOp.PersId: throw reader.Invalid("a persistent id is a text");
            default: throw reader.Invalid($"operation 0x{(byte)op:x2} is unknown");
        }
    }

    private PickleGlobal Named(string module, string name) => globals.Named(module, name, reader);

    private void Append(object?[] items)
    {
        switch (Peek())
        {
            case PickleList list: list.AddRange(items); break;
            case PickleObject: break;
            default: throw reader.Invalid("something is appended to what is no list");
        }
    }

    private void SetItems(object?[] items)
    {
        var dict = Peek() switch
        {
            PickleDict plain => plain,
            PickleObject other => other.Entries,
            _ => throw reader.Invalid("an entry is set in what is no dict"),
        };
        if (items.Length % 2 != 0) throw reader.Invalid("an entry has no value");
        for (var k = 0; k < items.Length; k += 2) dict.Set(items[k], items[k + 1]);
    }

    private void Recall(long index) =>
        Push(_memo.TryGetValue(index, out var value) ? value : throw reader.Invalid($"there is no value {index} to recall"));

    private double Number(string digits) =>
        double.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw reader.Invalid("a number is malformed");

    private long Index(string digits) => Whole(digits) is long index ? index : throw reader.Invalid("an index is malformed");

    private object Whole(string digits) =>
        digits.Length <= MaxDigits && BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? Whole(value) : throw reader.Invalid("a whole number is malformed");

    private static object Whole(byte[] littleEndian) => Whole(new BigInteger(littleEndian));

    private static object Whole(BigInteger value) => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    private void Push(object? value) => _stack.Add(value);

    private object? Peek() => _stack.Count > Floor ? _stack[^1] : throw Empty();

    private object? Pop()
    {
        var top = Peek();
        _stack.RemoveAt(_stack.Count - 1);
        return top;
    }

    private object?[] Pop(int count) => _stack.Count - Floor < count ? throw Empty() : Take(_stack.Count - count);

    private object?[] PopToMark()
    {
        if (!_marks.TryPop(out var mark)) throw reader.Invalid("a mark is missing");
        return Take(mark);
    }

    // Everything from there on.
    private object?[] Take(int from)
    {
        var items = new object?[_stack.Count - from];
        _stack.CopyTo(from, items, 0, items.Length);
        _stack.RemoveRange(from, items.Length);
        return items;
    }

    private int Floor => _marks.TryPeek(out var mark) ? mark : 0;

    private InputException Empty() => reader.Invalid("a value is missing");
}
