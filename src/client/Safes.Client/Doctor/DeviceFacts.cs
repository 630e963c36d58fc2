using Safes.Client.Profile;
using Safes.Client.Ssh;
using Safes.Client.Tunnel;
using Safes.Keys;
using Safes.Linux;

namespace Safes.Client.Doctor;

/// <summary>What the doctor looks at on this device, read once and judged elsewhere.</summary>
/// <param name="FreeMemory">Bytes that a hash could take now.</param>
/// <param name="Programs">Those of the named programs that are on PATH.</param>
public sealed record DeviceFacts(
    bool MayManageNetwork, bool KernelHasWireGuard, IReadOnlySet<string> Programs, long FreeMemory, bool Synchronised, bool Unicode, bool SshIncludes, DateTimeOffset Now)
{
    private static readonly string[] ModuleLists = ["modules.dep", "modules.builtin"], Wanted = ["ip", "wg", "nft", "wireguard-go", "ssh", "ssh-keygen"];

    public static DeviceFacts OfThisDevice(Places places) => new(
        Capabilities.MayManageNetwork,
        HasWireGuard(),
        Wanted.Where(p => Directories().Any(d => File.Exists(Path.Combine(d, p)))).ToHashSet(StringComparer.Ordinal),
        PasswordKey.FreeMemory,
        Timex.IsSynchronised,
        PasswordText.IsSupported,
        SshFiles.IsInstalled(places, Environment.GetEnvironmentVariable("HOME") ?? "/"),
        DateTimeOffset.UtcNow);

    private static IEnumerable<string> Directories() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin:/bin").Split(':').Where(Path.IsPathRooted).Concat(["/usr/sbin", "/sbin"]);

    // Loaded, built in, or a module that would be loaded on demand.
    private static bool HasWireGuard()
    {
        if (Directory.Exists("/sys/module/wireguard"))
        {
            return true;
        }

        string modules = Path.Combine("/lib/modules", File.ReadAllText("/proc/sys/kernel/osrelease").Trim());
        return ModuleLists.Select(f => Path.Combine(modules, f)).Where(File.Exists)
            .Any(f => File.ReadLines(f).Any(l => l.Contains("/wireguard.ko", StringComparison.Ordinal)));
    }
}
