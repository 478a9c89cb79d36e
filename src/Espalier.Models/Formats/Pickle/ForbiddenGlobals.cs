using System.Collections.Immutable;

namespace Espalier.Models.Formats.Pickle;

/// <summary>
/// Names that make a file an attack on those who load it with Python: no checkpoint has a use for them. Nothing is run here either way, but
/// weights from such a file are not to be trusted.
/// </summary>
internal static class ForbiddenGlobals
{
    private static readonly ImmutableHashSet<string> Modules =
    [
        "os", "nt", "posix", "subprocess", "sys", "shutil", "socket", "pty", "runpy", "importlib", "imp", "ctypes", "_ctypes", "marshal", "pickle",
        "_pickle", "cPickle", "dill", "cloudpickle", "code", "codeop", "commands", "popen2", "webbrowser", "pdb", "bdb", "timeit", "trace",
        "cProfile", "profile", "asyncio", "multiprocessing", "_thread", "signal", "fileinput", "urllib", "http", "requests", "ftplib", "smtplib",
        "operator", "_operator", "pip", "ensurepip", "pydoc", "site", "setuptools", "distutils", "gc", "inspect", "linecache", "zipimport", "platform",
    ];

    private static readonly ImmutableHashSet<string> Names =
    [
        "types.FunctionType", "types.CodeType", "functools.reduce", "torch.load", "torch.serialization.load", "torch.hub.load", "torch.jit.load",
        "torch.storage._load_from_bytes", "torch.utils.cpp_extension.load", "torch.fx.graph_module.reduce_graph_module", "numpy.load", "io.open", "_io.open",
        "numpy.testing._private.utils.runstring", "joblib.load", "pandas.read_pickle",
    ];

    private static readonly ImmutableHashSet<string> HarmlessBuiltins =
    [
        "set", "frozenset", "dict", "list", "tuple", "int", "long", "float", "bool", "complex", "str", "unicode", "bytes", "bytearray", "object", "slice",
        "range", "xrange", "type", "NoneType",
    ];

    public static bool Has(string module, string name) => module is "builtins" or "__builtin__" or "__builtins__"
        ? !HarmlessBuiltins.Contains(name.Split('.')[0])
        : Modules.Contains(module.Split('.')[0]) || Names.Contains($"{module}.{name}");
}
