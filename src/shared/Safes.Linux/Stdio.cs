using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>stdio.h: renaming between open directories.</summary>
public static partial class Stdio
{
    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeRenameat(SafeHandle fromDirectory, string from, SafeHandle toDirectory, string to);

    /// <summary>Renames, replacing what is there, all at once. Not durable before both directories are synced.</summary>
    public static void Rename(SafeHandle fromDirectory, string from, SafeHandle toDirectory, string to) =>
        LinuxException.Check(NativeRenameat(fromDirectory, from, toDirectory, to), "renameat", to);
}
