using Safes.Contracts;
using static Safes.Contracts.FaultCodes;

namespace Safes.Cli.Explaining;

/// <summary>Words for what lies between the device and the server.</summary>
internal static class WayWords
{
    public static (FaultCode Code, Func<Facts, Explanation> Words)[] All { get; } =
    [
        (NoTunnel, f => f["why"] == "name"
            ? new($"{f.Safe} cannot be reached: the name in {f["endpoint"]} is not known here", Unasked, "is this computer online?")
            : new(
                $"{f.Safe} does not answer: no handshake with {f.Or("endpoint", "the server")} for {f.Or("seconds", "10")} s",
                f.Or("kept", Unasked),
                "UDP may be blocked here, the server may be down, or this device is not approved there (yet)")),
        (NoPrivilege, f => new(
            "making the tunnel needs root or CAP_NET_ADMIN, and none is up", Unasked, f.Has("command") ? $"run this once, then again: {f["command"]}" : "run it as root")),
        (NoServer, f => new($"the tunnel to {f.Safe} is up, but its server does not answer{f.Tail("why")}", f.Or("kept", Unopened), "ask the supplier whether `safed` runs")),
        (WrongServer, f => new(
            $"what answers at {f.Safe} is not the server that was pinned when this device joined",
            "nothing was sent; your password was not asked",
            "ask the supplier; if the server was replaced, its owner sends you a new address")),
        (UnknownDevice, f => new($"{f.Safe} does not know this device", Unopened, "an owner runs: safe member add YOURS.safeid")),
        (RosterForked, f => new(
            $"the list of members that {f.Safe} shows does not continue the one this device knows{f.Tail("why")}",
            "your password was not asked; what this device remembers was kept",
            "compare with another member by voice: safe member list")),
        (OtherOwner, f => new(
            $"the owner of {f.Safe} is {f.Or("owners", "somebody else")}, not {f.Or("expected", "whom you expect")}",
            "your password was not asked, and nothing was joined",
            "whoever owns a safe decides who belongs: compare the fingerprint by voice, and ask who sent the address")),
        (NoFirewall, f => new(
            $"no tunnel was made: nothing would keep whoever holds the gateway from this computer's own services{f.Tail("why")}",
            Unasked, "apt install nftables; or make the tunnel with another program, and see to it there: safe vpn config")),
        (ClockWrong, f => new($"the clocks of this device and of {f.Safe} differ by {f.Or("seconds", "too many")} s", Unopened, "set this device's clock (timedatectl)")),
    ];

    private const string Unasked = "nothing was sent; your password was not asked";

    private const string Unopened = "nothing was opened";
}
