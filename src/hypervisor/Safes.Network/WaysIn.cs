using System.Net;

namespace Safes.Network;

/// <summary>A TCP port of a host that members' devices may reach.</summary>
public sealed record ServicePort(IPAddress Host, int Port);

/// <summary>What devices with a session reach in hosts. All else is closed to them.</summary>
/// <param name="Shell">SSH to every host.</param>
/// <param name="Services">Single ports besides; complete.</param>
public sealed record WaysIn(bool Shell, IReadOnlyCollection<ServicePort> Services)
{
    public static WaysIn None { get; } = new(false, []);

    public static WaysIn ShellOnly { get; } = new(true, []);
}
