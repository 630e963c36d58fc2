namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>A handler by pipe gets a dump whatever limit a process has set itself; kdump writes the whole kernel's memory.</summary>
internal static class CoreDumps
{
    public static Finding Look(Server server)
    {
        string pattern = server.Read("proc/sys/kernel/core_pattern") ?? "";
        bool handler = pattern.StartsWith('|'), kdump = server.Read("sys/kernel/kexec_crash_loaded") == "1";
        return kdump ? Finding.Should("core dumps", "kdump is loaded", "a kernel crash while a safe is open would write its keys to disk", "systemctl disable --now kdump-tools")
            : handler ? Finding.Should(
                "core dumps", $"handler {pattern[1..].Split(' ')[0]}", "it gets a crashing program's memory in spite of the limit of 0 that safed and QEMU run with",
                "echo kernel.core_pattern=/dev/null > /etc/sysctl.d/90-safes.conf; sysctl --system")
            : Finding.Good("core dumps", "no handler; the programs' own limit of 0 holds");
    }
}
