using Safes.Contracts;
using Safes.Roster;

namespace Safes.Client.Profile;

/// <summary>The safes that this device belongs to, and the id that waits for its address.</summary>
public sealed class Profiles(Places places)
{
    public Places Places => places;

    private string PendingKeys => Path.Combine(places.Config, ".pending", "device.keys");

    public IReadOnlyList<string> Names => !Directory.Exists(places.Config)
        ? []
        : [.. Directory.EnumerateDirectories(places.Config).Select(d => Path.GetFileName(d)!).Where(n => !n.StartsWith('.')).Order(StringComparer.Ordinal)];

    public bool HasPending => File.Exists(PendingKeys);

    /// <summary>The named profile; without a name the only one.</summary>
    public SafeProfile Open(string? name)
    {
        if (Directory.Exists(places.Config))
        {
            PrivateFile.Check(places.Config);
        }

        var names = Names;
        return (name, names) switch
        {
            (not null, _) when names.Contains(name) => SafeProfile.Load(places, name),
            (not null, _) => throw new FaultException(FaultCodes.NoProfile, ("safe", name), ("known", string.Join(", ", names))),
            (null, [var only]) => SafeProfile.Load(places, only),
            (null, []) => throw new FaultException(FaultCodes.NoProfile),
            _ => throw new FaultException(
                FaultCodes.Usage, ("what", $"this device belongs to several safes: {string.Join(", ", names)}"), ("hint", "--safe NAME says which")),
        };
    }

    /// <summary>Keys made by `safe id` and not bound to a safe yet.</summary>
    public DeviceKeys OpenPending() => HasPending
        ? SafeProfile.Readable(PendingKeys, () => SafeProfile.ReadKeys(PendingKeys))
        : throw new FaultException(FaultCodes.NoProfile);

    public void KeepPending(DeviceKeys keys) => SafeProfile.WriteKeys(PendingKeys, keys);

    public void DropPending()
    {
        if (Directory.Exists(Path.GetDirectoryName(PendingKeys)))
        {
            Directory.Delete(Path.GetDirectoryName(PendingKeys)!, recursive: true);
        }
    }
}
