using System.Text;
using Espalier.Models;

namespace Espalier.Benchmarks.Fuzzing;

/// <summary>Changes to JSON that mostly leave it JSON: other values, keys twice or gone, parts in other places, deep nesting.</summary>
internal static class JsonMutation
{
    private static readonly string[] s_values =
    [
        "0", "-1", "-0", "1", "3", "1.5", "1e999", "-1e999", "1e-320", "2147483647", "2147483648", "-2147483649", "1099511627776", "9223372036854775807", "18446744073709551616",
        "123456789012345678901234567890", "0.1e-7", "1E400", "null", "true", "false", "[]", "{}", "[null]", "[[]]", "{\"\":null}", "\"\"", "\"NaN\"", "\"Infinity\"", "\"-Infinity\"",
        "\"../outside\"", "\"../outside.safetensors\"", "\"/etc/passwd\"", "\"a/../../outside.safetensors\"", "\"..\"", "\".\"", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\u0000\"", "\"a\\u0000b\"",
        "\"\\u001b[31m\"", "\"[red]\"", "\"<script>alert(1)</script>\"", "\"\\n\\r\\t\"", "\"é\\uffff\"", "NaN", "Infinity", "//", "/* */", "'a'", "0x10", "01", "1.", "tru", "\"", "",
    ];

    private static readonly string s_deep = new string('[', 100) + new string(']', 100);
    private static readonly string s_long = $"\"{new string('a', 5000)}\"";

    /// <summary>One to a few changes; now and then one of bytes.</summary>
    public static byte[] Change(byte[] seed, byte[] other, SeededRandom random)
    {
        if (random.NextBool(0.15)) return Mutation.Bytes(seed, other, random);
        var text = Encoding.UTF8.GetString(seed);
        for (var left = random.NextBool(0.7) ? 1 : random.NextInt(2, 4); left > 0; left--) text = Once(text, other, random);
        return Encoding.UTF8.GetBytes(text);
    }

    private static string Once(string text, byte[] other, SeededRandom random)
    {
        var values = Values(text);
        if (values.Count == 0) return s_values[random.NextInt(s_values.Length)];
        var (at, end) = values[random.NextInt(values.Count)];
        switch (random.NextInt(10))
        {
            case 0: return Put(text[values[random.NextInt(values.Count)] is var (from, to) ? from..to : default]); // another value of the same text
            case 1:
                var their = Encoding.UTF8.GetString(other);
                var theirs = Values(their);
                return theirs.Count == 0 ? text : Put(their[theirs[random.NextInt(theirs.Count)] is var (start, stop) ? start..stop : default]);
            case 2: return Without(text, at, end);
            case 3: return Twice(text, at, end);
            case 4: return Put(random.NextBool() ? s_deep : s_long);
            case 5: return Put($"[{string.Join(',', Enumerable.Repeat(text[at..end], random.NextInt(1, 40)))}]");
            case 6 when long.TryParse(text.AsSpan(at, end - at), out var number): return Put($"{Mutation.Number(number, text.Length, random)}");
            default: return Put(s_values[random.NextInt(s_values.Length)]);
        }

        string Put(string value) => text[..at] + value + text[end..];
    }

    // The member or item goes, with the comma that follows.
    private static string Without(string text, int at, int end)
    {
        var from = Begin(text, at);
        return text[..from] + text[(end < text.Length && text[end] == ',' ? end + 1 : end)..];
    }

    private static string Twice(string text, int at, int end)
    {
        var from = Begin(text, at);
        return text[..end] + "," + text[from..end] + text[end..];
    }

    // Where the key of a value starts, or the value itself.
    private static int Begin(string text, int at)
    {
        var before = text.AsSpan(0, at).TrimEnd();
        if (!before.EndsWith(":")) return at;
        before = before[..^1].TrimEnd();
        var quote = before.EndsWith("\"") ? before[..^1].LastIndexOf('"') : -1;
        return quote < 0 ? at : quote;
    }

    /// <summary>Where values and keys lie: strings, numbers, words, and whole lists and objects.</summary>
    private static List<(int At, int End)> Values(string text)
    {
        var found = new List<(int, int)>();
        var open = new Stack<int>();
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is '{' or '[') open.Push(i);
            else if (c is '}' or ']')
            {
                if (open.TryPop(out var from)) found.Add((from, i + 1));
            }
            else if (c == '"')
            {
                var from = i;
                for (i++; i < text.Length && text[i] != '"'; i++)
                    if (text[i] == '\\') i++;
                if (i < text.Length) found.Add((from, i + 1));
            }
            else if (char.IsAsciiLetterOrDigit(c) || c == '-')
            {
                var from = i;
                while (i + 1 < text.Length && (char.IsAsciiLetterOrDigit(text[i + 1]) || text[i + 1] is '.' or '+' or '-')) i++;
                found.Add((from, i + 1));
            }
        }
        return found;
    }
}
