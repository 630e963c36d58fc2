using System.Net;
using System.Security.Cryptography.X509Certificates;
using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Hypervisor.Vaults;

/// <summary>A device that the gateway has as a peer.</summary>
public sealed record Peer(DeviceId Device, byte[] WireGuardKey, IPAddress Address);

/// <summary>Who may connect.</summary>
public interface IPeers
{
    /// <summary>The peer whose TLS key has this pin; null when there is none.</summary>
    Peer? FindPeer(ReadOnlySpan<byte> tlsPin);
}

/// <summary>
/// Everything of a safe that lies on the server but the volume: /var/lib/safes/NAME. Opens nothing by itself; it needs a device's CK.
/// Safe to call from several threads.
/// </summary>
public sealed partial class Vault : IPeers, IDisposable
{
    private readonly Lock gate = new();
    private readonly HeaderStore store;
    private readonly Attempts attempts;
    private ulong markerWritten;
    private bool claiming;

    private Vault(VaultFiles kept, HeaderStore store, Attempts attempts)
    {
        (this.store, this.attempts) = (store, attempts);
        (Configuration, InitialOwner, Init) = (kept.Configuration, kept.Owner.Identity, kept.Init);
        GatewaySecret = kept.Gateway;
        GatewayKey = WireGuardKey.PublicKey(kept.Gateway);
        ServerCertificate = TlsIdentity.Certificate(kept.Tls, "safes-hypervisor");
        ServerPin = TlsIdentity.Pin(ServerCertificate);
        kept.Tls.Dispose();
    }

    public SafeConfiguration Configuration { get; }

    /// <summary>The owner that `safed init` was given.</summary>
    public DeviceIdentity InitialOwner { get; }

    public byte[] Init { get; }

    /// <summary>With its private key, for Kestrel.</summary>
    public X509Certificate2 ServerCertificate { get; }

    public byte[] ServerPin { get; }

    /// <summary>The gateway's WireGuard private key.</summary>
    public SecretBuffer GatewaySecret { get; }

    /// <summary>The gateway's WireGuard public key.</summary>
    public byte[] GatewayKey { get; }

    public bool IsClaimed => Roster is not null;

    /// <summary>Null while unclaimed.</summary>
    public SafeRoster? Roster
    {
        get
        {
            lock (gate)
            {
                return store.Roster;
            }
        }
    }

    /// <summary>0 while unclaimed.</summary>
    public ulong Generation
    {
        get
        {
            lock (gate)
            {
                return store.Header?.Generation ?? 0;
            }
        }
    }

    public uint Epoch
    {
        get
        {
            lock (gate)
            {
                return store.Epoch;
            }
        }
    }

    /// <summary>The devices of the roster; while unclaimed the initial owner's.</summary>
    public IReadOnlyList<Peer> Peers => Roster is { } roster
        ? [.. roster.Devices.Select(d => new Peer(d.Id, d.WireGuardKey, AddressOf(d.Index)))]
        : [new Peer(InitialOwner.Device, InitialOwner.WireGuardKey, AddressOf(0))];

    /// <summary>Makes a safe that waits for its owner: server secret, TLS and gateway keys, configuration.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.SafeExists"/>, <see cref="FaultCodes.BadConfiguration"/>.</exception>
    public static Vault Create(string directory, SafeConfiguration configuration, IdFile owner, TimeProvider? clock = null) =>
        Create(directory, configuration, owner, clock ?? BootClock.Instance, new FileOperations(), Machine.BootId);

    /// <summary>Loads a safe, after a crash in the middle of a change too.</summary>
    /// <exception cref="FaultException">
    /// <see cref="FaultCodes.NoSafe"/>, <see cref="FaultCodes.BadConfiguration"/>, <see cref="FaultCodes.HeaderDamaged"/>,
    /// <see cref="FaultCodes.UnsafePermissions"/>.
    /// </exception>
    public static Vault Load(string directory, TimeProvider? clock = null)
    {
        if (Directory.Exists(directory) && (File.GetUnixFileMode(directory) & (UnixFileMode)0x3F) != 0)
        {
            throw new FaultException(FaultCodes.UnsafePermissions, ("path", directory));
        }

        return Load(directory, clock ?? BootClock.Instance, new FileOperations(), Machine.BootId);
    }

    internal static Vault Create(string directory, SafeConfiguration configuration, IdFile owner, TimeProvider clock, IFileOperations files, string bootId)
    {
        VaultFiles.Create(files, directory, configuration.Validated(), owner);
        return Load(directory, clock, files, bootId);
    }

    internal static Vault Load(string directory, TimeProvider clock, IFileOperations files, string bootId)
    {
        var kept = VaultFiles.Load(files, directory);
        var store = new HeaderStore(files, directory);
        store.Load();
        return new Vault(kept, store, new Attempts(files, Path.Combine(directory, VaultFiles.Attempts), clock, bootId));
    }

    /// <inheritdoc />
    public Peer? FindPeer(ReadOnlySpan<byte> tlsPin)
    {
        if (Roster is { } roster)
        {
            return roster.FindDeviceByPin(tlsPin) is { } d ? new Peer(d.Id, d.WireGuardKey, AddressOf(d.Index)) : null;
        }

        return tlsPin.SequenceEqual(InitialOwner.TlsPin) ? Peers[0] : null;
    }

    /// <summary>What the device needs to find the safe and know it again.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.UnknownDevice"/>.</exception>
    public AddressFile AddressFor(DeviceId device)
    {
        var roster = Roster;
        var peer = Peers.FirstOrDefault(p => p.Device == device) ?? throw new FaultException(FaultCodes.UnknownDevice);
        return new AddressFile(
            Configuration.Name, Configuration.Endpoint, GatewayKey, ServerPin, Init, Configuration.Prefix, device, peer.Address, roster?.Safe,
            roster?.Head.ToArray(), roster?.Count ?? 0);
    }

    /// <summary>How many passwords the device may try before it has to wait.</summary>
    public int TriesLeft(DeviceId device)
    {
        lock (gate)
        {
            return attempts.TriesLeft(device);
        }
    }

    /// <summary>How long the device has to wait before its next try.</summary>
    public TimeSpan Wait(DeviceId device)
    {
        lock (gate)
        {
            return attempts.Wait(device);
        }
    }

    /// <summary>See <see cref="HeaderStore.ClaimCameToNothing"/>.</summary>
    public bool ClaimCameToNothing
    {
        get
        {
            lock (gate)
            {
                return store.ClaimCameToNothing;
            }
        }
    }

    /// <summary>Durable before the volume is laid out: what lies there from then on is nobody's until the header is written.</summary>
    public void BeginClaim()
    {
        lock (gate)
        {
            store.BeginClaim();
        }
    }

    /// <summary>
    /// The volume's marker is known to say this generation: it was written and synced, or found <see cref="MarkerCheck.Right"/>.
    /// </summary>
    public void MarkerWritten(ulong generation)
    {
        lock (gate)
        {
            markerWritten = Math.Max(markerWritten, generation);
        }
    }

    public void Dispose()
    {
        GatewaySecret.Dispose();
        ServerCertificate.Dispose();
    }

    private IPAddress AddressOf(int index)
    {
        byte[] bytes = Configuration.Prefix.BaseAddress.GetAddressBytes();
        bytes[3] = (byte)(2 + index);
        return new IPAddress(bytes);
    }
}
