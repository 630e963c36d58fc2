namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>Guest memory may be swapped out, and what lies on a plain disk then outlives the closing.</summary>
internal static class Swap
{
    public static Finding Look(Server server)
    {
        string[] areas = [.. (server.Read("proc/swaps") ?? "").Split('\n').Skip(1).Where(l => l.Length > 0).Select(l => l.Split([' ', '\t'])[0])];
        string[] plain = [.. areas.Where(area => !IsInMemory(area) && !IsEncrypted(server, area))];
        return areas.Length == 0 ? Finding.Good("swap", "none")
            : plain.Length == 0 ? Finding.Good("swap", $"{string.Join(", ", areas)}: encrypted, or in memory")
            : Finding.Should("swap", $"{string.Join(", ", plain)} is plain", "guest memory could reach it", "swapoff -a, or encrypt it with a random key: crypttab(5), option swap");
    }

    private static bool IsInMemory(string area) => area.StartsWith("/dev/zram", StringComparison.Ordinal);

    private static bool IsEncrypted(Server server, string area) =>
        server.Read($"sys/class/block/{Path.GetFileName(area)}/dm/uuid") is { } uuid && uuid.StartsWith("CRYPT-", StringComparison.Ordinal);
}
