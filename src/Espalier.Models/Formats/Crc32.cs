using System.Buffers.Binary;

namespace Espalier.Models.Formats;

/// <summary>The checksum of zip archives and of PNG's chunks (PNG specification, annex D), eight bytes at a time.</summary>
internal struct Crc32
{
    private const uint Polynomial = 0xEDB88320;
    private static readonly uint[][] s_tables = MakeTables();
    private uint _state;

    /// <summary>The checksum of <paramref name="bytes"/>.</summary>
    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = new Crc32();
        crc.Add(bytes);
        return crc.Value;
    }

    /// <summary>Of everything added so far.</summary>
    public readonly uint Value => _state;

    public void Add(ReadOnlySpan<byte> bytes)
    {
        var (crc, t) = (~_state, s_tables);
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = t[7][low & 0xFF] ^ t[6][low >> 8 & 0xFF] ^ t[5][low >> 16 & 0xFF] ^ t[4][low >> 24]
                ^ t[3][high & 0xFF] ^ t[2][high >> 8 & 0xFF] ^ t[1][high >> 16 & 0xFF] ^ t[0][high >> 24];
        }
        foreach (var b in bytes) crc = t[0][(crc ^ b) & 0xFF] ^ crc >> 8;
        _state = ~crc;
    }

    // Table k says what a byte does that k more follow.
    private static uint[][] MakeTables()
    {
        var tables = new uint[8][];
        for (var k = 0; k < tables.Length; k++) tables[k] = new uint[256];
        for (uint n = 0; n < 256; n++)
        {
            var c = n;
            for (var bit = 0; bit < 8; bit++) c = (c & 1) != 0 ? Polynomial ^ c >> 1 : c >> 1;
            tables[0][n] = c;
        }
        for (var k = 1; k < tables.Length; k++)
            for (var n = 0; n < 256; n++) tables[k][n] = tables[0][tables[k - 1][n] & 0xFF] ^ tables[k - 1][n] >> 8;
        return tables;
    }
}
