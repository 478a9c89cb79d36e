using Espalier.Models.Formats.Pickle;

namespace Espalier.Models.Tests.Formats.Pickle;

/// <summary>Pickles that attack whoever loads them, or lie: each ends in the typed error, none runs or allocates what it asks for.</summary>
public class HostilePickleTests
{
    [Theory]
    [InlineData("os system")]
    [InlineData("posix system")]
    [InlineData("nt system")]
    [InlineData("subprocess Popen")]
    [InlineData("subprocess check_output")]
    [InlineData("builtins eval")]
    [InlineData("builtins exec")]
    [InlineData("__builtin__ eval")]
    [InlineData("builtins __import__")]
    [InlineData("builtins getattr")]
    [InlineData("builtins open")]
    [InlineData("builtins compile")]
    [InlineData("os.path join")]
    [InlineData("sys modules")]
    [InlineData("importlib import_module")]
    [InlineData("runpy run_path")]
    [InlineData("pickle loads")]
    [InlineData("shutil rmtree")]
    [InlineData("socket create_connection")]
    [InlineData("operator attrgetter")]
    [InlineData("types FunctionType")]
    [InlineData("torch.hub load")]
    [InlineData("torch.storage _load_from_bytes")]
    public void Names_that_run_code_are_refused_and_named_however_they_are_reached(string name)
    {
        var (module, member) = (name.Split(' ')[0], name.Split(' ')[1]);
        byte[][] pickles =
        [
            PickleWriter.Dict(w => w.Global(name).Op("(").Text("touch /tmp/espalier-was-here").Op("tR")),
            PickleWriter.Dict(w => w.Text(module).Text(member).Raw(0x93).Op("(").Text("x").Op("tR")),
            PickleWriter.Dict(w => w.Op("(").Text("x").Op($"i{module}\n{member}\n")),
            PickleWriter.Dict(w => w.Op("(").Global(name).Text("x").Op("o")),
            PickleWriter.Dict(w => w.Global(name).Op("(t").Raw(0x81)),
            PickleWriter.Dict(w => w.Global(name).Op("(t}").Raw(0x92)),
            PickleWriter.Dict(w => w.Global("collections OrderedDict").Op(")R").Global(name).Op("b")),
            new PickleWriter().Global(name).Op("0}.").Bytes,
            PickleWriter.Dict(w => w.Global(PickleWriter.Rebuild).Op("(").Global(name).Op("(").Text("x").Op("tRtR")),
        ];
        foreach (var pickle in pickles)
        {
            using var folder = new TemporaryFolder();
            PickleWriter.Save(folder["a.pth"], pickle);
            Error(folder["a.pth"]).ShouldStartWith($"{folder["a.pth"]} asks to import {module}.{member} (byte ");
        }
        File.Exists("/tmp/espalier-was-here").ShouldBeFalse();
    }

    [Fact]
    public void Unknown_names_stand_for_nothing_whatever_is_done_with_them()
    {
        using var folder = new TemporaryFolder();
        var pickle = new PickleWriter().Op("}").Text("w").Tensor(10, 0, [2, 5], [5, 1]).Op("s")
            .Text("args").Global("argparse Namespace").Op(")").Raw(0x81).Op("}").Text("lr").Long(1).Op("sbs")
            .Text("call").Global("my.module Thing").Op("(").Text("x").Op("tR(").Text("again").Op("tR}").Text("k").Long(1).Op("sbs")
            .Text("list").Global("my.module List").Op(")R(").Text("x").Op("es")
            .Text("old").Op("(").Text("x").Op("imy\nOld\n}bs").Op(".").Bytes;
        PickleWriter.Save(folder["a.pth"], pickle);
        using var file = TorchFile.Open(folder["a.pth"]);
        file.Infos.Select(t => t.Name).ShouldBe(["w"]);
        file.ReadFloats("w").Length.ShouldBe(10);
    }

    [Theory]
    [InlineData(10, 0, new long[] { 3, 5 }, new long[] { 5, 1 })]
    [InlineData(10, 1, new long[] { 2, 5 }, new long[] { 5, 1 })]
    [InlineData(10, -1, new long[] { 2 }, new long[] { 1 })]
    [InlineData(10, 5, new long[] { 2, 2 }, new long[] { -1, 1 })]
    [InlineData(10, 0, new long[] { 2, 2 }, new long[] { 9, 1 })]
    [InlineData(10, 0, new long[] { -2, 2 }, new long[] { 1, 1 })]
    [InlineData(10, 0, new long[] { 2, 2 }, new long[] { 1 })]
    [InlineData(10, 0, new long[] { long.MaxValue, long.MaxValue }, new long[] { 0, 0 })]
    [InlineData(10, 0, new long[] { 1L << 40 }, new long[] { 0 })]
    [InlineData(10, 0, new long[] { 3 }, new long[] { long.MaxValue })]
    [InlineData(10, long.MaxValue, new long[] { 3 }, new long[] { 1 })]
    public void Tensors_outside_their_storage_are_refused(long count, long offset, long[] shape, long[] strides)
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], PickleWriter.Dict(w => w.Tensor(count, offset, shape, strides)));
        Error(folder["a.pth"]).ShouldContain("does not lie inside storage 0, which has 10 elements of FloatStorage");
    }

    [Fact]
    public void Storages_that_are_shorter_than_claimed_or_missing_are_refused()
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], PickleWriter.Dict(w => w.Tensor(11, 0, [11], [1])));
        Error(folder["a.pth"]).ShouldContain("storage 0 claims 11 elements of FloatStorage but its file archive/data/0 has only 40 bytes");
        PickleWriter.Save(folder["b.pth"], PickleWriter.Dict(w => w.Tensor(1L << 60, 0, [1], [1])));
        Error(folder["b.pth"]).ShouldContain("storage 0 claims 1152921504606846976 elements");
        PickleWriter.Save(folder["c.pth"], PickleWriter.Dict(w => w.Tensor(10, 0, [10], [1], key: "7")));
        Error(folder["c.pth"]).ShouldContain("storage 7 has no file archive/data/7");
        PickleWriter.Save(folder["d.pth"], PickleWriter.Dict(w => w.Tensor(10, 0, [10], [1], key: "../data/0")));
        Error(folder["d.pth"]).ShouldContain("has no file");
        PickleWriter.Save(folder["e.pth"], PickleWriter.Dict(w => w.Tensor(-1, 0, [0], [1])));
        Error(folder["e.pth"]).ShouldContain("storage 0 has -1 elements");
        PickleWriter.Save(folder["f.pth"], new PickleWriter().Op("}").Text("a").Tensor(10, 0, [1], [1]).Op("s").Text("b").Tensor(9, 0, [1], [1]).Op("s.").Bytes);
        Error(folder["f.pth"]).ShouldContain("is 10 elements of FloatStorage in one place and 9 elements of FloatStorage in another");
    }

    [Fact]
    public void Bombs_end_soon()
    {
        using var folder = new TemporaryFolder();
        // A list of lists of the one before, as if 10^20 long; read, it is as long as its operations.
        var memo = new PickleWriter().Op("}").Text("w").Op("]q\0" + "0");
        for (var k = 0; k < 20; k++) memo.Op("](").Op([.. Enumerable.Repeat("h\0", 10)]).Op("eq\0" + "0");
        Refused(memo.Op("h\0s.").Bytes, "holds no tensors");
        // Entries that share their values all the way down.
        var shared = new PickleWriter().Op("}q\0");
        for (var k = 0; k < 60; k++)
        {
            shared.Op("}");
            foreach (var key in new[] { "model", "state_dict", "module", "net", "ema", "student" }) shared.Text(key).Op("h\0s");
            shared.Op("q\0");
        }
        Refused(shared.Op(".").Bytes, "holds no tensors");
        var cycle = new PickleWriter().Op("}q\0").Text("model").Op("h\0s.").Bytes;
        Refused(cycle, "holds no tensors");
        var deep = new PickleWriter();
        for (var k = 0; k < 70; k++) deep.Op("}").Text("model");
        deep.Op("}");
        for (var k = 0; k < 70; k++) deep.Op("s");
        Refused(deep.Op(".").Bytes, "nested more than 64 deep");
        Refused(new PickleWriter().Op(new string('(', 100_000)).Op(".").Bytes, "nested more than 1000 deep");
        Refused(new PickleWriter().Op(string.Concat(Enumerable.Repeat("N0", 2_100_000))).Op("N.").Bytes, "more than 4000000 operations");
        Refused(new PickleWriter().Raw((byte)'X', 0xFF, 0xFF, 0xFF, 0x7F).Bytes, "goes beyond its end");
        Refused(new PickleWriter().Raw(0x8D, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF).Bytes, "goes beyond its end");
        Refused(new PickleWriter().Raw(0x8B, 0xFF, 0xFF, 0xFF, 0xFF).Bytes, "goes beyond its end");
        Refused(new PickleWriter().Op("L" + new string('9', 4000) + "L\n.").Bytes, "a whole number is malformed");
        Refused(new PickleWriter().Op("V" + new string('9', 9000) + "\n.").Bytes, "a line is longer than 4096 bytes");

        void Refused(byte[] pickle, string because)
        {
            File.Delete(folder["a.pth"]);
            PickleWriter.Save(folder["a.pth"], pickle);
            Error(folder["a.pth"]).ShouldContain(because);
        }
    }

    [Theory]
    [InlineData(".", "a value is missing")]
    [InlineData("0.", "a value is missing")]
    [InlineData("t.", "a mark is missing")]
    [InlineData("N(R.", "a value is missing")]
    [InlineData("NNR.", "the arguments of a call are no tuple")]
    [InlineData("NNNs.", "an entry is set in what is no dict")]
    [InlineData("}(Nu.", "an entry has no value")]
    [InlineData("NNa.", "something is appended to what is no list")]
    [InlineData("h\u0005.", "there is no value 5 to recall")]
    [InlineData("NQ.", "a persistent id is not that of a storage")]
    [InlineData("Px\n.", "a persistent id is a text")]
    [InlineData("\u0082\u0001.", "operation 0x82 is unknown")]
    [InlineData("?", "operation 0x3f is unknown")]
    [InlineData("\u0080\u0009.", "protocol 9 is unknown")]
    [InlineData("Ix\n.", "a whole number is malformed")]
    [InlineData("Fx\n.", "a number is malformed")]
    [InlineData("S\n.", "a text is malformed")]
    [InlineData("NN\u0093.", "a name is no text")]
    [InlineData("(o.", "an object has no class")]
    [InlineData("", "it has no end")]
    public void Programs_that_make_no_sense_say_where(string operations, string because)
    {
        using var folder = new TemporaryFolder();
        PickleWriter.Save(folder["a.pth"], new PickleWriter().Op(operations).Bytes);
        Error(folder["a.pth"]).ShouldContain(because);
        Error(folder["a.pth"]).ShouldMatch("byte \\d+ of its pickle");
    }

    private static string Error(string path)
    {
        var message = Should.Throw<InputException>(() => TorchFile.Open(path)).Message;
        message.ShouldStartWith(path);
        message.ShouldNotContain('\n');
        return message;
    }
}
