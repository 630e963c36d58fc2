using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Safes.Linux;

/// <summary>sys/reboot.h, which boot this is, and what memory is left.</summary>
public static partial class Machine
{
    private const int AutoBoot = 0x01234567;

    [LibraryImport("libc", EntryPoint = "reboot", SetLastError = true)]
    private static partial int NativeReboot(int command);

    /// <summary>Another one at each boot.</summary>
    public static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    /// <summary>Bytes that programs can have without swapping, as the kernel reckons (MemAvailable of proc(5)); null: it does not say.</summary>
    public static long? MemoryAvailable =>
        File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal)) is { } line &&
        long.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], out long kib)
            ? kib << 10
            : null;

    /// <summary>What <see cref="Reboot"/> writes to, open, so that nothing has to be found in the moment; null where the kernel is built without.</summary>
    public static SafeFileHandle? OpenRebootTrigger()
    {
        try
        {
            return Fcntl.Open("/proc/sysrq-trigger", Fcntl.WriteOnly);
        }
        catch (LinuxException)
        {
            return null;
        }
    }

    /// <summary>
    /// Restarts the machine at once: nothing is synced, neither programs nor drivers are asked (the kernel's admin-guide/sysrq), for storage that
    /// does not answer would hold up whoever waits for it. Without a trigger the drivers are asked.
    /// </summary>
    public static void Reboot(SafeFileHandle? trigger)
    {
        if (trigger is not null)
        {
            Unistd.Write(trigger, "b"u8);
        }

        LinuxException.Check(NativeReboot(AutoBoot), "reboot");
    }
}
