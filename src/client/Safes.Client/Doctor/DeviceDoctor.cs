using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Keys;

namespace Safes.Client.Doctor;

/// <summary>Finds out what on this device keeps a safe from being opened. Nothing is changed, no password is asked, no tunnel made.</summary>
public static class DeviceDoctor
{
    private static readonly string[] TunnelTools = ["ip", "wg", "nft"];

    /// <summary>All findings, as they come: of the device, then of each safe it belongs to.</summary>
    public static async IAsyncEnumerable<Finding> FindAsync(
        Profiles profiles, string? only, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken stop)
    {
        var facts = DeviceFacts.OfThisDevice(profiles.Places);
        yield return Way(facts);
        yield return Ssh(facts);
        yield return Memory(facts, Argon2Parameters.Default);
        yield return Unicode(facts);
        yield return Clock(facts);
        yield return Permissions(profiles.Places.Config);
        foreach (string name in profiles.Names.Where(n => only is null || n == only))
        {
            yield return await OfSafeAsync(profiles, name, facts, stop).ConfigureAwait(false);
            if (await GatewayAsync(profiles, name).ConfigureAwait(false) is { } found)
            {
                yield return found;
            }
        }
    }

    /// <summary>How a tunnel could be made.</summary>
    public static Finding Way(DeviceFacts facts)
    {
        const string name = "WireGuard";
        if (!facts.MayManageNetwork)
        {
            return Finding.Should(
                name, "no rights to make a tunnel here", "`safe open` uses one that is up, or makes it as root or with CAP_NET_ADMIN",
                "safe vpn config > NAME.conf, and sudo wg-quick up ./NAME.conf or the WireGuard application");
        }

        string[] missing = [.. TunnelTools.Where(p => !facts.Programs.Contains(p))];
        return missing.Length > 0
            ? Finding.Must(name, $"{string.Join(" and ", missing)} not found", "the tunnel is made with them, and nft keeps the gateway from this computer", "apt install iproute2 wireguard-tools nftables")
            : facts.KernelHasWireGuard ? Finding.Good(name, "in the kernel")
            : facts.Programs.Contains("wireguard-go") ? Finding.Good(name, "by wireguard-go: the kernel has none")
            : Finding.Must(name, "neither in the kernel nor as wireguard-go", "a safe is reached through it alone", "apt install wireguard-go");
    }

    public static Finding Ssh(DeviceFacts facts) =>
        !facts.Programs.Contains("ssh") || !facts.Programs.Contains("ssh-keygen")
            ? Finding.Must("ssh", "not found", "a session makes its key with ssh-keygen, and hosts are reached with ssh", "apt install openssh-client")
            : facts.SshIncludes ? Finding.Good("ssh", "knows where to find hosts")
            : Finding.Should("ssh", "does not find hosts by name", "`safe ssh HOST` works, plain `ssh HOST.SAFE` does not", "safe ssh-config --install");

    public static Finding Memory(DeviceFacts facts, Argon2Parameters parameters)
    {
        long needed = (long)parameters.MemoryKiB << 10;
        return facts.FreeMemory >= needed
            ? Finding.Good("memory", facts.FreeMemory == long.MaxValue ? "enough for a password's hash" : $"{facts.FreeMemory >> 20} MiB free, a password's hash needs {needed >> 20}")
            : Finding.Must(
                "memory", $"{facts.FreeMemory >> 20} MiB free, a password's hash needs {needed >> 20}", "no password is asked for then, and no attempt counted", "end something that takes memory");
    }

    public static Finding Unicode(DeviceFacts facts) => facts.Unicode
        ? Finding.Good("unicode", "passwords come out as on other computers")
        : Finding.Must("unicode", "passwords cannot be normalised", "one with other letters than a to z would be another one here", "apt install libicu72, or libicu76");

    public static Finding Clock(DeviceFacts facts) => facts.Synchronised
        ? Finding.Good("clock", "synchronised")
        : Finding.Should("clock", "nobody keeps it right", "certificates live for minutes, and a gateway takes no handshake from before the last one", "apt install systemd-timesyncd, or chrony");

    /// <summary>Every file of the profiles: keys, rosters, addresses.</summary>
    public static Finding Permissions(string config)
    {
        const string name = "own files";
        if (!Directory.Exists(config))
        {
            return Finding.Should(name, "none yet", "a device belongs to no safe before it has keys", "safe id --name YOURNAME");
        }

        foreach (string path in Directory.EnumerateFileSystemEntries(config, "*", SearchOption.AllDirectories).Prepend(config))
        {
            try
            {
                PrivateFile.Check(path);
            }
            catch (FaultException)
            {
                return Finding.Must(name, $"others can get at {Printable.Line(path)}", "it may hold keys, and is refused as it is", $"chmod -R go= {Printable.Line(config)}");
            }
        }

        return Finding.Good(name, $"yours alone: {Printable.Line(config)}");
    }

    /// <summary>A clock that went back locks this device out: the gateway takes no handshake that is older than the last.</summary>
    public static Finding? WentBack(string name, long seenUnix, DateTimeOffset now) => now.ToUnixTimeSeconds() >= seenUnix - 60 ? null : Finding.Must(
        name, $"this device's clock is {Ages.Words(DateTimeOffset.FromUnixTimeSeconds(seenUnix) - now)} behind the last time it reached the safe",
        "the gateway takes no handshake from before the last one", "set the clock: timedatectl");

    /// <summary>What the outlook on a safe comes to.</summary>
    public static Finding Reach(string name, string endpoint, Outlook outlook) => outlook switch
    {
        { Server: true } => Finding.Good(name, $"its server answers: {outlook.State.ToString().ToLowerInvariant()}"),
        { Server: false } => Finding.Must(
            name, $"the tunnel is up, but the server does not answer: {Printable.Line(outlook.Why)}", "it opens the safe", "ask the supplier whether `safed` runs; is the tunnel's configuration this safe's?"),
        { Gateway: true } => Finding.Good(name, $"its gateway answers at {endpoint}"),
        { IsAsked: false } => Finding.Should(
            name, $"{endpoint} was not asked", outlook.Why, "have the clock kept right (timedatectl set-ntp true), then safe doctor again; safe open tells, too"),
        { Why.Length: > 0 } => Finding.Must(name, $"{endpoint}: {outlook.Why}", "it is where the safe is", "is this computer online?"),
        _ => Finding.Must(
            name, $"no answer from {endpoint}", "UDP to that port is the only way in: blocked here, the server down, or this device not approved (any more)",
            "try another network; ask the supplier whether the server is up, an owner whether you are a member"),
    };

    /// <summary>Whether what comes out of a tunnel reaches this computer's own services.</summary>
    public static Finding Kept(string name, string interfaceName, bool kept) => kept
        ? Finding.Good(name, $"nothing comes out of {interfaceName} that was not begun here")
        : Finding.Should(
            name, $"nothing is seen that keeps whoever holds the gateway from this computer's own services ({interfaceName})", "he reaches whatever listens here, on every port",
            "take the tunnel down and let `safe open` make it as root; or use what safe vpn config prints, which says it for NetworkManager, too");

    private static async Task<Finding?> GatewayAsync(Profiles profiles, string name)
    {
        try
        {
            using var profile = profiles.Open(name);
            return await DeviceTunnel.FindAsync(profile.Tunnel).ConfigureAwait(false) is var (found, kept) ? Kept(name, found, kept) : null;
        }
        catch (FaultException)
        {
            return null;    // what is wrong with it is told already
        }
    }

    private static async Task<Finding> OfSafeAsync(Profiles profiles, string name, DeviceFacts facts, CancellationToken stop)
    {
        try
        {
            using var profile = profiles.Open(name);
            return WentBack(name, profile.Known.SeenUnix, facts.Now)
                ?? Reach(name, profile.Address.Endpoint, await Outlook.LookAsync(profile, stop).ConfigureAwait(false));
        }
        catch (FaultException e)
        {
            return Finding.Must(
                name, $"its profile cannot be used: {e.Code}{(e.Details.GetValueOrDefault("what") is { Length: > 0 } what ? $", {Printable.Line(what)}" : "")}",
                "the keys of this device for it lie there", "restore it from a backup, or have an owner add this device anew");
        }
    }
}
