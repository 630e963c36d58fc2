namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>The tunnels end in the gateway, so it is the guests' kernel that must have WireGuard; the server's own does not matter.</summary>
internal static class WireGuard
{
    public static Finding Look(Server server)
    {
        if (server.Tools is not { } tools)
        {
            return ToolsDirectory.Wanted("WireGuard");
        }

        string folder = Path.Combine(tools.Modules, "kernel/drivers/net/wireguard");
        return Directory.Exists(folder) && Directory.EnumerateFiles(folder, "wireguard.ko*").Any()
            ? Finding.Good("WireGuard", $"in the gateway's kernel {Path.GetFileName(tools.Modules.TrimEnd('/'))}")
            : Finding.Must("WireGuard", $"not in the gateway's kernel ({tools.Modules})", "members' tunnels end there", "run packaging/tools again");
    }
}
