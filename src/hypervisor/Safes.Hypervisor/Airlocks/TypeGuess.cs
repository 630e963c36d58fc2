namespace Safes.Hypervisor.Airlocks;

/// <summary>What a file seems to be, by how it begins: for a reviewer's first look, not more.</summary>
internal static class TypeGuess
{
    private static readonly (byte[] Begin, string Type)[] Known =
    [
        ([.. "%PDF-"u8], "PDF"), ([0x89, .. "PNG\r\n"u8], "PNG image"), ([0xff, 0xd8, 0xff], "JPEG image"), ([.. "GIF8"u8], "GIF image"), ([.. "PK\u0003\u0004"u8], "ZIP (also office files)"),
        ([0x1f, 0x8b], "gzip"), ([0xfd, .. "7zXZ"u8], "xz"), ([0x28, 0xb5, 0x2f, 0xfd], "zstd"), ([.. "7z"u8, 0xbc, 0xaf], "7-Zip"), ([.. "BZh"u8], "bzip2"),
        ([0x7f, .. "ELF"u8], "program (ELF)"), ([.. "MZ"u8], "program (Windows)"), ([.. "#!"u8], "script"), ([.. "SQLite format 3\0"u8], "SQLite"), ([.. "QFI"u8, 0xfb], "disk image (qcow2)"),
        ([.. "PAR1"u8], "Parquet"), ([0x89, .. "HDF"u8], "HDF5"),
    ];

    public static string Of(ReadOnlySpan<byte> begin)
    {
        foreach (var (bytes, type) in Known)
        {
            if (begin.StartsWith(bytes))
            {
                return type;
            }
        }

        return begin.Length > 262 && begin[257..].StartsWith("ustar"u8) ? "tar"
            : !begin.ContainsAnyExcept((byte)0) ? "zeros"
            : IsText(begin[..Math.Min(begin.Length, 4096)]) ? "text" : "data";
    }

    private static bool IsText(ReadOnlySpan<byte> bytes)
    {
        if (bytes.ContainsAnyInRange((byte)0, (byte)8))
        {
            return false;
        }

        // The last letter may be cut.
        for (int cut = 0; cut < 4 && cut <= bytes.Length; cut++)
        {
            if (System.Text.Unicode.Utf8.IsValid(bytes[..^cut]))
            {
                return true;
            }
        }

        return false;
    }
}
