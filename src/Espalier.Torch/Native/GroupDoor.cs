using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Espalier.Torch.Native;

/// <summary>The C functions of <c>native/group.cpp</c>. Everything above uses <see cref="Distributed.ProcessGroup"/>.</summary>
internal static unsafe partial class GroupDoor
{
    private const string Library = "espalier_group";

    // The resolver belongs to the assembly, and the door has set it.
    static GroupDoor() => RuntimeHelpers.RunClassConstructor(typeof(Door).TypeHandle);

    [LibraryImport(Library)] private static partial byte* esp_group_error();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_store_new(string host, int port, int serve, long timeout, out nint store);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_store_set(nint store, string key, string value);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_store_get(nint store, string key, byte* value, int capacity);

    [LibraryImport(Library)] internal static partial void esp_store_free(nint store);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int esp_group_new(nint store, int rank, int size, string address, string? network, long timeout, out nint group);

    [LibraryImport(Library)] internal static partial void esp_group_free(nint group);
    [LibraryImport(Library)] internal static partial int esp_group_sum(nint group, nint tensor);
    [LibraryImport(Library)] internal static partial int esp_group_broadcast(nint group, nint tensor, int root);
    [LibraryImport(Library)] internal static partial int esp_group_barrier(nint group);

    /// <summary>Throws the text left on this thread when <paramref name="code"/> is not 0.</summary>
    internal static void Check(int code, string doing)
    {
        if (code != 0) throw Door.Failure(code, (nint)esp_group_error(), doing);
    }
}
