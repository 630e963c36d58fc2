using System.Net;

namespace Safes.Network;

/// <summary>A virtual host's port on the inside bridge. All of it follows from the host's number, the last byte of its inside addresses.</summary>
public sealed record HostPort(int Number, IPAddress Address, IPAddress Address6)
{
    /// <summary>The tap's name in the safe's network namespace.</summary>
    public string Interface => $"h{Number}";

    public string Mac => $"52:54:00:53:01:{Number:x2}";
}
