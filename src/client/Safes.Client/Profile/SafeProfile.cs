using Safes.Client.Tunnel;
using Safes.Contracts;
using Safes.Keys;
using Safes.Linux;
using Safes.Roster;
using Safes.Secrets;

namespace Safes.Client.Profile;

/// <summary>
/// What a device keeps of one safe: its keys, the safe's address, the roster as it was last verified. One directory of 0700
/// with files of 0600; nothing in it tests a password.
/// </summary>
public sealed class SafeProfile : IDisposable
{
    private const string KeysFile = "device.keys", AddressName = "address", RosterName = "roster", KnownName = "known.json", LockName = "profile.lock";

    private static readonly TimeSpan AloneLimit = TimeSpan.FromSeconds(10);

    private readonly Places places;

    private SafeProfile(Places places, AddressFile address, DeviceKeys keys, SafeRoster roster, Known known)
    {
        this.places = places;
        (Address, Keys, Roster, Known) = (address, keys, roster, known);
    }

    public Places Places => places;

    public string Name => Address.Name;

    public AddressFile Address { get; }

    public DeviceKeys Keys { get; }

    /// <summary>
    /// As last verified; only ever extended. It may be behind <see cref="Known"/>, whose head every roster has to continue that a server shows: then
    /// the rest is fetched.
    /// </summary>
    public SafeRoster Roster { get; private set; }

    public Known Known { get; private set; }

    /// <summary>Keys, address, roster.</summary>
    public string Home => Path.Combine(places.Config, Name);

    /// <summary>Where what lives with a session lies: one place, whichever shell of this person asks.</summary>
    public string SessionDirectory => Path.Combine(Home, "session");

    public string SocketPath => Path.Combine(SessionDirectory, "session.sock");

    /// <summary>How the last session ended, for who asks later.</summary>
    public string EndedPath => Path.Combine(SessionDirectory, "ended.json");

    public TunnelSettings Tunnel => TunnelOf(Address);

    public static TunnelSettings TunnelOf(AddressFile address) => new(
        TunnelSettings.InterfaceName(address.GatewayKey, address.Device.ToBytes()), address.DeviceAddress, address.Network.BaseAddress,
        address.Network.PrefixLength, address.GatewayKey, address.Endpoint);

    /// <summary>The device's own entry.</summary>
    /// <exception cref="FaultException">unknown-device: it was removed.</exception>
    public Device Device => Roster.FindDevice(Keys.Device) ?? throw new FaultException(FaultCodes.UnknownDevice);

    /// <summary>Reads a profile and verifies all of it.</summary>
    public static SafeProfile Load(Places places, string name)
    {
        string directory = Path.Combine(places.Config, name);
        if (!Directory.Exists(directory))
        {
            throw new FaultException(FaultCodes.NoProfile, ("safe", name));
        }

        return Readable(directory, () =>
        {
            var address = AddressFile.Parse(PrivateFile.ReadText(Path.Combine(directory, AddressName)));
            var (roster, known) = ReadSeen(directory);
            return new SafeProfile(places, address, ReadKeys(Path.Combine(directory, KeysFile)), roster, known);
        });
    }

    /// <summary>Makes the profile of a device that has just joined. The keys' directory comes to be under its final name.</summary>
    public static SafeProfile Bind(Places places, AddressFile address, DeviceKeys keys, SafeRoster roster, Known known)
    {
        string directory = Path.Combine(places.Config, address.Name);
        var bound = new SafeProfile(places, address with { Safe = roster.Safe, Head = roster.Head.ToArray(), Entries = roster.Count }, keys, roster, known);
        PrivateFile.Write(Path.Combine(directory, AddressName), bound.Address.Write());
        WriteKeys(Path.Combine(directory, KeysFile), keys);
        bound.Remember(roster, known.Images, known.Owners);
        return bound;
    }

    /// <summary>
    /// Keeps a verified roster, so that the server can never show less, nor anything else. What another command of this device has kept meanwhile
    /// counts as much: of the two the longer one is kept, if the one continues the other.
    /// </summary>
    /// <param name="images">Those that the server runs; null: as they are known.</param>
    /// <param name="owners">Those whom the person has just been told of; null: as they are known.</param>
    /// <exception cref="FaultException">roster-forked: it does not continue what this device has seen.</exception>
    public void Remember(SafeRoster verified, IReadOnlyDictionary<string, string>? images = null, IReadOnlyList<string>? owners = null) => Alone(() =>
    {
        var (roster, known) = File.Exists(Path.Combine(Home, KnownName)) ? Readable(Home, () => ReadSeen(Home)) : (verified, Known);
        var next = Newest(verified, roster, known);
        Known = new Known(next.Count, Convert.ToHexStringLower(next.Head.Span), DateTimeOffset.UtcNow.ToUnixTimeSeconds(), new(images ?? known.Images), owners ?? known.Owners);
        // The chain first: whoever reads the head first then finds all of its chain.
        PrivateFile.Write(Path.Combine(Home, RosterName), Chain.Write(next));
        PrivateFile.Write(Path.Combine(Home, KnownName), Known.Write());
        Roster = next;
    });

    /// <summary>Does something to this profile's files that no other command of this device does at the same time.</summary>
    /// <exception cref="FaultException">expired: another one has been at it for too long.</exception>
    internal void Alone(Action act)
    {
        using var alone = ProfileLock.Take(Home, LockName, AloneLimit)
            ?? throw new FaultException(FaultCodes.Expired, ("what", $"another `safe` has been writing to {Home} for {AloneLimit.TotalSeconds:0} s"));
        act();
    }

    private static SafeRoster Newest(SafeRoster verified, SafeRoster kept, Known known)
    {
        bool hasSeenMore = kept.Count > verified.Count;
        var longer = hasSeenMore ? kept : verified;
        bool isOne = (hasSeenMore ? kept.At(verified.Head.Span) : verified.At(kept.Head.Span)) is not null;
        return isOne && longer.Count >= known.Entries && (known.Head.Length == 0 || longer.At(Convert.FromHexString(known.Head)) is not null)
            ? longer
            : throw new FaultException(FaultCodes.RosterForked, ("why", $"it stands at another entry than the {Math.Max(known.Entries, kept.Count)} seen before"));
    }

    // The head first, then the chain: the other way round another command could write both in between, and the chain would be behind its head.
    private static (SafeRoster Roster, Known Known) ReadSeen(string directory)
    {
        var known = Known.Parse(PrivateFile.Read(Path.Combine(directory, KnownName)));
        var roster = SafeRoster.Replay(Chain.Read(PrivateFile.Read(Path.Combine(directory, RosterName))));
        byte[] head = Convert.FromHexString(known.Head);
        if (roster.Count >= known.Entries)
        {
            roster.CheckContinues(new RosterPosition(head, known.Entries));
        }

        return head.Length == roster.Head.Length ? (roster, known) : throw new FormatException("its head is none");
    }

    public void Dispose() => Keys.Dispose();

    internal static DeviceKeys ReadKeys(string path)
    {
        PrivateFile.Check(path);
        using var file = Fcntl.Open(path, Fcntl.ReadOnly | Fcntl.NoFollow);
        long length = RandomAccess.GetLength(file);
        if (length is < 1 or > 4096)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", path));
        }

        using var content = SecretBuffer.Allocate((int)length);
        using (var bytes = content.Borrow())
        {
            for (int at = 0, n; at < bytes.Span.Length && (n = Unistd.Read(file, bytes.Span[at..])) > 0; at += n) { }
        }

        return DeviceKeys.Parse(content);
    }

    internal static void WriteKeys(string path, DeviceKeys keys)
    {
        using var content = keys.Serialise();
        using var bytes = content.Borrow();
        PrivateFile.Write(path, bytes.Span);
    }

    /// <summary>Turns what parsers and the file system throw about our own files into faults that name the file.</summary>
    internal static T Readable<T>(string path, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedException e)
        {
            throw new FaultException(
                e.Flaw is Flaw.OtherVersion ? FaultCodes.OtherVersion : FaultCodes.DamagedFile, ("what", path), ("why", e.What));
        }
        catch (Exception e) when (e is RosterException or FormatException or System.Text.Json.JsonException)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", path), ("why", e.Message));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or UnauthorizedAccessException or LinuxException)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", path), ("why", e.Message));
        }
    }
}
