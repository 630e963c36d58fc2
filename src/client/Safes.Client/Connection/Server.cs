using System.Security.Cryptography.X509Certificates;
using Safes.Client.Profile;
using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Keys;
using Safes.Roster;

namespace Safes.Client.Connection;

/// <summary>
/// One safe's server as this device reaches it: dials through the tunnel, proves both keys, and checks what the server says
/// against what the device knows.
/// </summary>
public sealed class Server : IDisposable
{
    public static TimeSpan CallLimit { get; } = TimeSpan.FromSeconds(15);

    /// <summary>More than this between two clocks, and certificates would not hold.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 certificate;
    private readonly Dial dial;

    public Server(AddressFile address, DeviceKeys keys, Dial? dial = null)
    {
        Address = address;
        certificate = keys.CreateCertificate();
        var tls = new PinnedTls(certificate, address.ServerPin);
        this.dial = dial ?? (async stop => await tls.HandshakeAsync(await ReachAsync(SafeProfile.TunnelOf(address), stop).ConfigureAwait(false), stop).ConfigureAwait(false));
        Calls = new SafeChannel(this.dial);
    }

    public AddressFile Address { get; }

    public SafeChannel Calls { get; private set; }

    /// <summary>Gives up the connection and makes another one at the next call.</summary>
    public void Reconnect()
    {
        var session = Calls.Session;
        Calls.Dispose();
        Calls = new SafeChannel(dial) { Session = session };
    }

    /// <exception cref="FaultException">Any cause of not reaching it, or clock-wrong.</exception>
    public async Task<HelloReply> HelloAsync(CancellationToken stop)
    {
        var version = typeof(Server).Assembly.GetName().Version?.ToString(3) ?? "";
        var hello = await Calls.CallAsync((c, o) => c.HelloAsync(new HelloRequest { ClientVersion = version }, o), CallLimit, stop).ConfigureAwait(false);
        var off = DateTimeOffset.UtcNow - DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(hello.UnixMilliseconds, 0, 253402300799999));
        if (off.Duration() > ClockTolerance)
        {
            throw new FaultException(FaultCodes.ClockWrong, ("seconds", $"{off.Duration().TotalSeconds:0}"));
        }

        return hello;
    }

    /// <summary>
    /// The roster as the server has it, verified from the genesis on, continuing <paramref name="known"/>, and of the server
    /// that the address names.
    /// </summary>
    public async Task<SafeRoster> FetchRosterAsync(SafeRoster? known, CancellationToken stop)
    {
        var reply = await Calls.CallAsync(
            (c, o) => c.GetRosterAsync(new RosterRequest { After = (ulong)(known?.Count ?? 0) }, o), CallLimit, stop).ConfigureAwait(false);
        try
        {
            var tail = reply.Entries.Select(e => (ReadOnlyMemory<byte>)e.ToByteArray());
            var roster = known is null ? SafeRoster.Replay(tail) : known.Extend(tail);
            if (Address.Head is { } head)
            {
                roster.CheckContinues(new RosterPosition(head, Address.Entries));
            }

            return Belongs(roster) ? roster : throw new FaultException(FaultCodes.RosterForked, ("why", "it is of another safe"));
        }
        catch (RosterException e)
        {
            throw new FaultException(e.Flaw is RosterFlaw.OtherVersion ? FaultCodes.OtherVersion : FaultCodes.RosterForked, ("what", "its list of members"), ("why", e.Message));
        }
        catch (MalformedException e)
        {
            throw new FaultException(FaultCodes.RosterForked, ("why", e.What));
        }
    }

    /// <summary>A one-time key of X-Wing with the head and generation it stands under.</summary>
    public Task<OneTimeKeyReply> GetOneTimeKeyAsync(CancellationToken stop) =>
        Calls.CallAsync((c, o) => c.GetOneTimeKeyAsync(new OneTimeKeyRequest(), o), CallLimit, stop);

    public void Dispose()
    {
        Calls.Dispose();
        certificate.Dispose();
    }

    private bool Belongs(SafeRoster roster) =>
        roster.Genesis.ServerPin.AsSpan().SequenceEqual(Address.ServerPin)
        && roster.Genesis.GatewayKey.AsSpan().SequenceEqual(Address.GatewayKey)
        && roster.Genesis.Init.AsSpan().SequenceEqual(Address.Init)
        && (Address.Safe is null || Address.Safe == roster.Safe);

    private static async Task<Stream> ReachAsync(TunnelSettings settings, CancellationToken stop)
    {
        try
        {
            return await DeviceTunnel.ConnectAsync(settings, stop).ConfigureAwait(false);
        }
        catch (System.Net.Sockets.SocketException e)
        {
            throw new FaultException(FaultCodes.NoServer, ("why", e.Message));
        }
    }
}
