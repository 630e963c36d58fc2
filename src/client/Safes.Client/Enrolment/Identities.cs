using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Keys;
using Safes.Roster;

namespace Safes.Client.Enrolment;

/// <summary>The first step of enrolment: this device's keys, and the id that carries their public halves.</summary>
public static class Identities
{
    /// <summary>Makes keys that wait for an address; an id that waits already is an id of its own.</summary>
    public static IdFile Make(Profiles profiles, string memberName, string? deviceName)
    {
        if (profiles.HasPending)
        {
            using var waiting = profiles.OpenPending();
            throw new FaultException(FaultCodes.IdExists, ("name", $"{waiting.MemberName} ({waiting.DeviceName})"));
        }

        string device = deviceName ?? (Names.IsValid(Environment.MachineName) ? Environment.MachineName : "device");
        if (!Names.IsValid(memberName) || !Names.IsValid(device))
        {
            throw new FaultException(
                FaultCodes.Usage, ("what", $"'{(Names.IsValid(memberName) ? device : memberName)}' cannot be a name"),
                ("hint", $"letters, digits, single spaces and . - _ ', at most {Names.Most} characters"));
        }

        using var keys = DeviceKeys.Generate(memberName, device);
        profiles.KeepPending(keys);
        return keys.CreateId();
    }

    /// <summary>The waiting id once more: the same keys, the same fingerprint.</summary>
    public static IdFile Again(Profiles profiles)
    {
        using var keys = profiles.OpenPending();
        return keys.CreateId();
    }

    /// <summary>Reads an id from a file.</summary>
    public static IdFile Read(string path) => Files.Read(path, "id", IdFile.Parse);
}

/// <summary>Files that people send each other.</summary>
public static class Files
{
    private const int Most = 64 * 1024;

    public static AddressFile ReadAddress(string path) => Read(path, "address", AddressFile.Parse);

    internal static T Read<T>(string path, string kind, Func<string, T> parse)
    {
        try
        {
            var info = new FileInfo(path);
            if (!info.Exists)
            {
                throw new FaultException(FaultCodes.Usage, ("what", $"there is no file '{path}'"), ("hint", $"the {kind} that you were sent, as a file"));
            }

            if (info.Length > Most)
            {
                throw new FaultException(FaultCodes.DamagedFile, ("what", path), ("why", $"it is too large for an {kind}"));
            }

            return parse(File.ReadAllText(path));
        }
        catch (MalformedException e)
        {
            throw new FaultException(e.Flaw is Flaw.OtherVersion ? FaultCodes.OtherVersion : FaultCodes.DamagedFile, ("what", path), ("why", e.What));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", path), ("why", e.Message));
        }
    }
}
