namespace Safes.Hypervisor.Doctor.Checks;

/// <summary>The kernel wipes keys by itself; what lay in caches and guests' memory it wipes only when it is told to.</summary>
internal static class FreedMemory
{
    public static Finding Look(Server server)
    {
        bool byDefault = (server.Read($"boot/config-{server.KernelRelease}") ?? "").Contains("CONFIG_INIT_ON_FREE_DEFAULT_ON=y", StringComparison.Ordinal);
        string? asked = server.KernelArguments.LastOrDefault(a => a.StartsWith("init_on_free=", StringComparison.Ordinal));
        return asked is "init_on_free=1" or "init_on_free=y" or "init_on_free=on" || (byDefault && asked is null)
            ? Finding.Good("init_on_free", "on: memory freed at close is erased")
            : Finding.Should(
                "init_on_free", "off", "what was read and computed stays in free memory after a close until it is used again",
                "add init_on_free=1 to the kernel's command line (/etc/default/grub, update-grub), reboot");
    }
}
