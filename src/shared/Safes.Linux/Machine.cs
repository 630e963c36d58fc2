using System.Runtime.InteropServices;

namespace Safes.Linux;

/// <summary>sys/reboot.h, and which boot this is.</summary>
public static partial class Machine
{
    private const int AutoBoot = 0x01234567;

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int NativeReboot(int command);

    /// <summary>Another one at each boot.</summary>
    public static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Restarts the machine at once: nothing is synced, no program is asked.</summary>
    public static void Reboot() => LinuxException.Check(NativeReboot(AutoBoot), "reboot");
}
