using System.Net;
using Safes.Contracts.V1;

namespace Safes.Gateway.Settings;

/// <summary>Which devices have a session, and what those reach in hosts; complete. All that is in it was checked.</summary>
internal sealed record Admission(IReadOnlyCollection<IPAddress> Devices, bool Shell, IReadOnlyCollection<IPEndPoint> Services)
{
    private const int ServiceLimit = 4096;

    /// <summary>Nobody, to nothing.</summary>
    public static Admission None { get; } = new([], false, []);

    /// <summary>What of a message can be granted, and whether that was all of it: whoever is not named loses his place whatever else it says.</summary>
    public static (Admission Admitted, bool Whole) Of(AllowedDevices message, GatewaySettings settings)
    {
        var known = settings.Peers.Select(p => p.Address).ToHashSet();
        IPAddress[] devices = [.. message.Addresses.Select(InterfaceAddress.TryParseHost).OfType<IPAddress>().Where(known.Contains)];
        IPEndPoint[] services = [.. message.Services.Take(ServiceLimit).Select(s => Read(s, settings)).OfType<IPEndPoint>()];
        bool whole = devices.Length == message.Addresses.Count && services.Length == message.Services.Count;
        return (new Admission([.. devices.Distinct()], message.Shell, [.. services.Distinct()]), whole);
    }

    /// <summary>Without the devices that are no peers any more.</summary>
    public Admission Among(IEnumerable<Peer> peers)
    {
        var known = peers.Select(p => p.Address).ToHashSet();
        return this with { Devices = [.. Devices.Where(known.Contains)] };
    }

    private static IPEndPoint? Read(HostService service, GatewaySettings settings) =>
        InterfaceAddress.TryParseHost(service.Host) is { } host && settings.Inside.Contains(host) && !host.Equals(settings.Inside.Address) &&
        service.Port is > 0 and <= ushort.MaxValue
            ? new IPEndPoint(host, (int)service.Port)
            : null;
}
