using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Google.Protobuf;
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
    private readonly Func<CancellationToken, Task<Stream>> reach;
    private readonly PinnedTls tls;
    private ByteString session = ByteString.Empty;

    /// <param name="reach">Connects to the control port; null: through the device's tunnel.</param>
    public Server(AddressFile address, DeviceKeys keys, Func<CancellationToken, Task<Stream>>? reach = null)
    {
        Address = address;
        certificate = keys.CreateCertificate();
        this.reach = reach ?? (stop => ReachAsync(SafeProfile.TunnelOf(address), stop));
        tls = new PinnedTls(certificate, address.ServerPin);
        (Calls, Inside) = (new SafeChannel(DialAsync), new InsideChannel(DialInsideAsync));
    }

    public AddressFile Address { get; }

    /// <summary>The part that is always there: who belongs to the safe, opening, the lease.</summary>
    public SafeChannel Calls { get; private set; }

    /// <summary>The inside of the open safe, by a connection of its own.</summary>
    public InsideChannel Inside { get; private set; }

    /// <summary>The inside's key as it was told last; empty: it is asked for.</summary>
    public ByteString InsidePin { get; set; } = ByteString.Empty;

    /// <summary>This device's session, named in every call once there is one; empty before.</summary>
    public ByteString Session
    {
        get => session;
        set => session = Calls.Session = Inside.Session = value;
    }

    /// <summary>Gives up the connections and makes others at the next call.</summary>
    public void Reconnect()
    {
        Calls.Dispose();
        Calls = new SafeChannel(DialAsync) { Session = session };
        ReconnectInside();
    }

    /// <summary>Gives up the connection to the inside and makes another one at the next call.</summary>
    public void ReconnectInside()
    {
        Inside.Dispose();
        Inside = new InsideChannel(DialInsideAsync) { Session = session };
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
        Inside.Dispose();
        Calls.Dispose();
        certificate.Dispose();
    }

    private async Task<SslStream> DialAsync(CancellationToken stop) => await tls.HandshakeAsync(await reach(stop).ConfigureAwait(false), stop).ConfigureAwait(false);

    /// <summary>The inside makes its key anew at each opening, and when it has crashed: the server's part that is always there says which one it is.</summary>
    private async Task<SslStream> DialInsideAsync(CancellationToken stop)
    {
        var known = InsidePin;
        if (!known.IsEmpty)
        {
            try
            {
                return await HandshakeAsync(known, stop).ConfigureAwait(false);
            }
            catch (FaultException e) when (e.Code == FaultCodes.WrongServer || e.Code == FaultCodes.NoServer)
            {
                // Another one by now, or none: that is asked.
            }
        }

        var reply = await Calls.CallAsync((c, o) => c.GetInsideAsync(new InsideRequest(), o), CallLimit, stop).ConfigureAwait(false);
        InsidePin = reply.Pin;
        return await HandshakeAsync(reply.Pin, stop).ConfigureAwait(false);
    }

    private async Task<SslStream> HandshakeAsync(ByteString pin, CancellationToken stop) =>
        await new PinnedTls(certificate, pin.Memory, new SslApplicationProtocol(InsideProtocol.Name.ToArray())) { Resident = Address.ServerPin }
            .HandshakeAsync(await reach(stop).ConfigureAwait(false), stop).ConfigureAwait(false);

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
