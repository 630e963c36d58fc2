using Safes.Linux;

namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Leases run on the boot clock, which nobody sets. The wall clock is what hosts, certificates and WireGuard go by.</summary>
internal static class TimeSynchronisation
{
    public static Finding Look(Server server) => Judge(Timex.IsSynchronised);

    internal static Finding Judge(bool synchronised) => synchronised
        ? Finding.Good("clock", "synchronised")
        : Finding.Should(
            "clock", "nobody keeps it right", "hosts get their time from it, and SSH certificates live for five minutes", "apt install systemd-timesyncd, or chrony");
}
