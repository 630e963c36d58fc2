using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>stdio.h: renaming between open directories.</summary>
public static partial class Stdio
{
    private const uint NoReplace = 1;

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeRenameat(SafeHandle fromDirectory, string from, SafeHandle toDirectory, string to);

    [LibraryImport("libc", EntryPoint = "renameat2", SetLastError = true)]
    private static unsafe partial int NativeRenameat2(SafeHandle fromDirectory, byte* from, SafeHandle toDirectory, byte* to, uint flags);

    /// <summary>Renames, replacing what is there, all at once. Not durable before both directories are synced.</summary>
    public static void Rename(SafeHandle fromDirectory, string from, SafeHandle toDirectory, string to) =>
        LinuxException.Check(NativeRenameat(fromDirectory, from, toDirectory, to), "renameat", to);

    /// <summary>
    /// Renames, all at once; false when there is something of that name that is not to be replaced. Where the file system cannot tell in one
    /// step, it is looked for just before.
    /// </summary>
    public static unsafe bool TryRename(SafeHandle fromDirectory, RawPath from, SafeHandle toDirectory, RawPath to, bool replace)
    {
        // SAFETY: both names end with a zero and are pinned for the calls.
        fixed (byte* source = from.Terminated, target = to.Terminated)
        {
            if (NativeRenameat2(fromDirectory, source, toDirectory, target, replace ? 0 : NoReplace) == 0)
            {
                return true;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error == Errno.Invalid && !replace)
            {
                return Stat.Find(toDirectory, to) is null && TryRename(fromDirectory, from, toDirectory, to, replace: true);
            }

            return error == Errno.Exists && !replace ? false : throw new LinuxException("renameat2", to.ToString(), error);
        }
    }
}
