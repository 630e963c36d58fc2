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
    private const string KeysFile = "device.keys", AddressName = "address", RosterName = "roster", KnownName = "known.json";

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

    /// <summary>As last verified; only ever extended.</summary>
    public SafeRoster Roster { get; private set; }

    public Known Known { get; private set; }

    /// <summary>Where what lives with a session lies. Its name differs between devices that share a runtime directory.</summary>
    public string RuntimeDirectory => Path.Combine(places.Runtime, $"{Name}-{Keys.Device.ToString()[..8]}");

    public string SocketPath => Path.Combine(RuntimeDirectory, "session.sock");

    /// <summary>How the last session ended, for who asks later.</summary>
    public string EndedPath => Path.Combine(RuntimeDirectory, "ended.json");

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
            var roster = SafeRoster.Replay(Chain.Read(PrivateFile.Read(Path.Combine(directory, RosterName))));
            var known = Known.Parse(PrivateFile.Read(Path.Combine(directory, KnownName)));
            roster.CheckContinues(new RosterPosition(Convert.FromHexString(known.Head), known.Entries));
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
        bound.Remember(roster, known.Images);
        return bound;
    }

    /// <summary>Keeps a verified roster, so that the server can never show less, nor anything else.</summary>
    public void Remember(SafeRoster verified, IReadOnlyDictionary<string, string> images)
    {
        string directory = Path.Combine(places.Config, Name);
        Known = new Known(verified.Count, Convert.ToHexStringLower(verified.Head.Span), DateTimeOffset.UtcNow.ToUnixTimeSeconds(), new(images));
        // The chain first: a head without its chain would lock this device out.
        PrivateFile.Write(Path.Combine(directory, RosterName), Chain.Write(verified));
        PrivateFile.Write(Path.Combine(directory, KnownName), Known.Write());
        Roster = verified;
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
