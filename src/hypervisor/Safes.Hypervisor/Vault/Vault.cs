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

/// <summary>
/// Everything of a safe that lies on the server but the volume: /var/lib/safes/NAME. Opens nothing by itself; it needs a device's CK.
/// Safe to call from several threads.
/// </summary>
public sealed class Vault : IDisposable
{
    /// <summary>Makes a safe that waits for its owner: server secret, TLS and gateway keys, configuration.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.SafeExists"/>, <see cref="FaultCodes.BadConfiguration"/>.</exception>
    public static Vault Create(string directory, SafeConfiguration configuration, IdFile owner, TimeProvider? clock = null) => throw new NotImplementedException();

    /// <summary>Loads a safe, after a crash in the middle of a change too.</summary>
    /// <exception cref="FaultException"><see cref="FaultCodes.NoSafe"/>, <see cref="FaultCodes.BadConfiguration"/>, <see cref="FaultCodes.HeaderDamaged"/>.</exception>
    public static Vault Load(string directory, TimeProvider? clock = null) => throw new NotImplementedException();

    public SafeConfiguration Configuration => throw new NotImplementedException();

    /// <summary>The owner that `safed init` was given.</summary>
    public DeviceIdentity InitialOwner => throw new NotImplementedException();

    public bool IsClaimed => throw new NotImplementedException();

    /// <summary>Null while unclaimed.</summary>
    public SafeRoster? Roster => throw new NotImplementedException();

    /// <summary>0 while unclaimed.</summary>
    public ulong Generation => throw new NotImplementedException();

    public uint Epoch => throw new NotImplementedException();

    /// <summary>With its private key, for Kestrel.</summary>
    public X509Certificate2 ServerCertificate => throw new NotImplementedException();

    public byte[] ServerPin => throw new NotImplementedException();

    /// <summary>The gateway's WireGuard private key.</summary>
    public SecretBuffer GatewaySecret => throw new NotImplementedException();

    /// <summary>The gateway's WireGuard public key.</summary>
    public byte[] GatewayKey => throw new NotImplementedException();

    public byte[] Init => throw new NotImplementedException();

    /// <summary>The devices of the roster; while unclaimed the initial owner's.</summary>
    public IReadOnlyList<Peer> Peers => throw new NotImplementedException();

    /// <summary>The peer whose TLS key has this pin; null when there is none.</summary>
    public Peer? FindPeer(ReadOnlySpan<byte> tlsPin) => throw new NotImplementedException();

    /// <exception cref="FaultException"><see cref="FaultCodes.UnknownDevice"/>.</exception>
    public AddressFile AddressFor(DeviceId device) => throw new NotImplementedException();

    /// <summary>How many passwords the device may try before it has to wait.</summary>
    public int TriesLeft(DeviceId device) => throw new NotImplementedException();

    /// <summary>How long the device has to wait before its next try.</summary>
    public TimeSpan Wait(DeviceId device) => throw new NotImplementedException();

    /// <summary>
    /// The first owner's join. <paramref name="makeVolume"/> makes the volume with the key and marker it is given; only then is the header
    /// written. A crash before that leaves the safe unclaimed.
    /// </summary>
    public Task<HeaderChange> ClaimAsync(
        OneTimeKey oneTimeKey, byte[] sealedSecrets, byte[] genesis, Func<OpenedKeys, CancellationToken, Task> makeVolume, CancellationToken cancellation) =>
        throw new NotImplementedException();

    /// <summary>Checks a password: charges an attempt durably, opens, refunds. Also for joining a safe that is open.</summary>
    /// <param name="head">The roster's head that the device believes in.</param>
    /// <exception cref="FaultException">
    /// <see cref="FaultCodes.WrongPassword"/> (tries, seconds), <see cref="FaultCodes.TooManyTries"/> (seconds), <see cref="FaultCodes.Moved"/>,
    /// <see cref="FaultCodes.NotJoined"/>, <see cref="FaultCodes.UnknownDevice"/>, <see cref="FaultCodes.Unclaimed"/>, <see cref="FaultCodes.BadRequest"/>,
    /// <see cref="FaultCodes.HeaderDamaged"/>.
    /// </exception>
    public OpenedKeys Open(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedKey, ReadOnlySpan<byte> head, ulong generation) => throw new NotImplementedException();

    /// <summary>A later member's join: his password box, and his first seed replaced.</summary>
    /// <exception cref="FaultException">As <see cref="Open"/>, and <see cref="FaultCodes.AlreadyJoined"/>.</exception>
    public HeaderChange Join(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedSecrets, byte[] entry) => throw new NotImplementedException();

    /// <summary>Adds or removes a member with an owner's signed entry and fresh CK. A removal begins a new epoch.</summary>
    /// <param name="headAfter">The head that the owner has verified and signed for.</param>
    /// <exception cref="FaultException">As <see cref="Open"/>, and <see cref="FaultCodes.NotOwner"/>, <see cref="FaultCodes.MemberExists"/>, <see cref="FaultCodes.MemberUnknown"/>.</exception>
    public HeaderChange ChangeRoster(DeviceId device, OneTimeKey oneTimeKey, byte[] sealedKey, byte[] entry, ReadOnlySpan<byte> headAfter) =>
        throw new NotImplementedException();

    /// <summary>The volume's marker has been brought to this generation, durably.</summary>
    public void MarkerWritten(ulong generation) => throw new NotImplementedException();

    public void Dispose() => throw new NotImplementedException();
}
