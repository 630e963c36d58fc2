namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Kernel samepage merging lets one guest find out by timing what another has in memory.</summary>
internal static class SamePages
{
    public static Finding Look(Server server) => server.Read("sys/kernel/mm/ksm/run") is "1"
        ? Finding.Should("KSM", "on", "it lets guests guess each other's memory by timing", "echo 0 > /sys/kernel/mm/ksm/run; systemctl disable --now ksmtuned")
        : Finding.Good("KSM", "off");
}
