using System.Runtime.InteropServices;

namespace Espalier.Cli;

/// <summary>
/// Sets what native libraries read when they are loaded, as the launcher of a checkout does; for a program that was installed as a tool.
/// .NET's own variables are a copy, which native code never sees.
/// </summary>
internal static partial class NativeEnvironment
{
    /// <summary>Call before anything computes.</summary>
    public static void Prepare()
    {
        if (!OperatingSystem.IsLinux()) return;
        // Waiting threads sleep instead of spinning: beside another busy process, spinning made a step on two threads several times slower.
        SetVariable("OMP_WAIT_POLICY", "PASSIVE", overwrite: 0);
        // An inherited one picks kernels for another processor: half the speed, other last bits.
        if (Environment.GetEnvironmentVariable("ESPALIER_KEEP_CORETYPE") != "1") UnsetVariable("OPENBLAS_CORETYPE");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnsetVariable(string name);
}
