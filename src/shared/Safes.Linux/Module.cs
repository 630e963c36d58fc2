using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>linux/module.h: kernel modules from files.</summary>
public static partial class Module
{
    private static long SyscallFinitModule => RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 273 : 313;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint NativeFinitModule(long number, SafeHandle fd, string parameters, int flags);

    /// <summary>Loads an unpacked module. One that is loaded or built in already is no error.</summary>
    public static void Load(string path)
    {
        using var file = Fcntl.Open(path, Fcntl.ReadOnly);
        nint result = NativeFinitModule(SyscallFinitModule, file, "", 0);
        if (result < 0 && Marshal.GetLastPInvokeError() != Errno.Exists)
        {
            LinuxException.Check(result, "finit_module", path);
        }
    }
}
