namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Only looked at: dm-crypt is not used yet, and a volume in an encrypted directory does not need it.</summary>
internal static class DeviceMapper
{
    public static Finding Look(Server server) => server.Has("sys/class/misc/device-mapper") || server.Has("dev/mapper/control")
        ? Finding.Good("device-mapper", "there (not used yet: volumes are encrypted by fscrypt)")
        : Finding.Note("device-mapper", "not in this kernel", "not needed, volumes are encrypted by fscrypt");
}
