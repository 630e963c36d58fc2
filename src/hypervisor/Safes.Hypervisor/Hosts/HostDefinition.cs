using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Qemu;
using Safes.Volumes;

namespace Safes.Hypervisor.Hosts;

/// <summary>host.json: what a host is. It is written when the host first runs, so a directory without it was never a host.</summary>
internal sealed record HostDefinition
{
    public const string FileName = "host.json";

    public const int FirstNumber = 10, LastNumber = 254;

    /// <summary>The one host that is no member's: the safe's proxy.</summary>
    public const string ProxyName = "proxy";

    public const int ProxyNumber = Network.SafeAddresses.ProxyNumber;

    public required string Name { get; init; }

    /// <summary>The last byte of its inside address; its MAC and user follow from it. For life.</summary>
    public required int Number { get; init; }

    /// <summary>The directory below images/ that its disk stands on.</summary>
    public required string Image { get; init; }

    public required int Cpus { get; init; }

    public required long MemoryBytes { get; init; }

    public required long DiskBytes { get; init; }

    /// <summary>What it is to have from its next boot on. A memory image fits only the sizes it was made with, so until then it keeps those.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public HostSizes? Next { get; init; }

    public required Guid Uuid { get; init; }

    /// <summary>/etc/machine-id.</summary>
    public required Guid MachineId { get; init; }

    /// <summary>Whether it is to run while the safe is open.</summary>
    public required bool Running { get; init; }

    /// <summary>When it last booted, seconds since 1970; suspended time counts.</summary>
    public required long BootedUnix { get; init; }

    /// <summary>When the memory that it goes on from was saved, seconds since 1970; 0: it has booted since.</summary>
    public long SuspendedUnix { get; init; }

    /// <summary>When its host key was last signed, seconds since 1970; 0: never, it has not been told who it is.</summary>
    public long SignedUnix { get; init; }

    /// <summary>How many files its programs had open on the share, when it was last suspended, whose names were gone: they are not there any more.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int RemovedOpen { get; init; }

    // A file that was written before there was one of these does not say it: it is as if nothing had been given.

    /// <summary>Which accounts it was last given, see <see cref="AccountsMark"/>.</summary>
    public string Accounts { get; init => field = value ?? ""; } = "";

    /// <summary>Which addresses and hosts' names it was last given, see <see cref="HostNames.Mark"/>.</summary>
    public string Names { get; init => field = value ?? ""; } = "";

    /// <summary>What it was last told of the way outside, see <see cref="WayOutside"/>.</summary>
    public string Outside { get; init => field = value ?? ""; } = "";

    [JsonIgnore]
    public bool IsProxy => Number == ProxyNumber;

    [JsonIgnore]
    public HostSizes Sizes => new(Cpus, MemoryBytes, DiskBytes);

    public static string AccountsMark(IReadOnlyList<MemberAccount> accounts) => Convert.ToHexStringLower(
        SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(' ', accounts.OrderBy(a => a.User).Select(a => $"{a.User}:{a.Name}")))))[..16];

    /// <summary>
    /// Null when the directory holds none, or one that makes no sense. QEMU's user can write in it: one that names another host's number, and
    /// with it that host's user and port, is told by the directory's owner.
    /// </summary>
    public static HostDefinition? Read(VolumeDirectory hosts, string name, SafeUsers users)
    {
        try
        {
            return hosts.ReadFile($"{name}/{FileName}", 16384) is { } text && JsonSerializer.Deserialize(text, HostsJson.Default.HostDefinition) is { } d &&
                d.Name == name && HostName.IsValid(name) && d.IsProxy == (name == ProxyName) && d is
                {
                    Number: ProxyNumber or (>= FirstNumber and <= LastNumber), Cpus: > 0 and <= HostRoom.MostCpus, MemoryBytes: > 0 and <= HostRoom.Largest, DiskBytes: > 0 and <= HostRoom.Largest, BootedUnix: >= 0 and < StateRecord.LastUnix,
                    SuspendedUnix: >= 0 and < StateRecord.LastUnix,
                } && d.Image is not ("" or "." or "..") && !d.Image.Contains('/', StringComparison.Ordinal) &&
                d.Next is null or { Cpus: > 0 and <= HostRoom.MostCpus, MemoryBytes: > 0 and <= HostRoom.Largest, DiskBytes: > 0 and <= HostRoom.Largest } &&
                hosts.Stat(name)?.User == users.Host(d.Number) ? d : null;
        }
        catch (Exception e) when (e is JsonException or IOException)
        {
            return null;
        }
    }

    public void Write(VolumeDirectory hosts) => hosts.WriteFile($"{Name}/{FileName}", JsonSerializer.SerializeToUtf8Bytes(this, HostsJson.Default.HostDefinition));
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, WriteIndented = true,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(HostDefinition))]
internal sealed partial class HostsJson : JsonSerializerContext;
