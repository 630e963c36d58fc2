using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/file.h: advisory locks on whole files.</summary>
public static partial class SysFile
{
    private const int Shared = 1, Exclusive = 2, NonBlocking = 4, Release = 8;

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int NativeFlock(SafeHandle file, int operation);

    /// <summary>
    /// Takes the lock of an open file for as long as the open file lives, in whichever process or loop device; false when somebody has it.
    /// </summary>
    /// <param name="shared">With others who share it: false only when somebody has it for himself.</param>
    public static bool TryLock(SafeHandle file, string target = "", bool shared = false)
    {
        if (NativeFlock(file, (shared ? Shared : Exclusive) | NonBlocking) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == Errno.Again ? false : throw new LinuxException("flock", target, error);
    }

    /// <summary>Gives the lock back, in whatever processes the open file lives on.</summary>
    public static void Unlock(SafeHandle file, string target = "") => LinuxException.Check(NativeFlock(file, Release), "flock", target);
}
