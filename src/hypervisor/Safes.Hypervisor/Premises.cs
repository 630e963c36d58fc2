using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Contracts;
using Safes.Hypervisor.Hosts;
using Safes.Volumes;

namespace Safes.Hypervisor;

/// <summary>
/// premises.json beside a safe's configuration: what of this server it uses. Written by `safed init`; the supplier may name other images
/// while safed does not run. Nothing here is trusted: members see the digests of images, and the marker tells whose volume it is.
/// </summary>
public sealed record Premises
{
    /// <summary>The UUID of the volume's file system.</summary>
    public required Guid VolumeId { get; init; }

    public required string GatewayImage { get; init; }

    /// <summary>Prepared images that hosts can be made of: their directories by name.</summary>
    public IReadOnlyDictionary<string, string> Images { get; init; } = new Dictionary<string, string>();

    /// <summary>The longest that opening may take.</summary>
    public int OpeningSeconds { get; init; } = 90;

    /// <summary>The first of the users that this safe's machines run as; 0, or left out: the usual ones. Its hosts' directories belong to them.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public uint FirstUser { get; init; }

    [JsonIgnore]
    public SafeUsers Users => FirstUser == 0 ? SafeUsers.Usual : new SafeUsers(FirstUser);

    public static string FileOf(SafePaths paths) => Path.Combine(paths.State, "premises.json");

    public VolumeIdentity Volume(long bytes) => new(VolumeId, bytes);

    public void Write(SafePaths paths)
    {
        string file = FileOf(paths), temporary = file + ".new";
        using (var handle = Linux.Fcntl.Open(temporary, Linux.Fcntl.WriteOnly | Linux.Fcntl.Create | Linux.Fcntl.Truncate))
        {
            Linux.Unistd.Write(handle, JsonSerializer.SerializeToUtf8Bytes(this, PremisesJson.Default.Premises));
            Linux.Fcntl.Sync(handle, temporary);
        }

        File.Move(temporary, file, overwrite: true);
        Linux.Fcntl.SyncDirectory(paths.State);
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.BadConfiguration"/>.</exception>
    public static Premises Read(SafePaths paths)
    {
        try
        {
            var read = JsonSerializer.Deserialize(File.ReadAllBytes(FileOf(paths)), PremisesJson.Default.Premises)
                ?? throw new FaultException(FaultCodes.BadConfiguration, ("why", "premises.json is empty"));
            return read.Users.IsValid ? read : throw new FaultException(FaultCodes.BadConfiguration, ("why", $"premises.json: first_user {read.FirstUser} begins no safe's range"));
        }
        catch (Exception e) when (e is JsonException or FileNotFoundException)
        {
            throw new FaultException(FaultCodes.BadConfiguration, ("why", $"premises.json: {e.Message}"));
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, WriteIndented = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Premises))]
internal sealed partial class PremisesJson : JsonSerializerContext;
