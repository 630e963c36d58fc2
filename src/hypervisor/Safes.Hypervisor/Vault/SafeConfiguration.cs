using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Contracts;
using Safes.Roster;

namespace Safes.Hypervisor.Vaults;

/// <summary>config.json of a safe: written by `safed init`, editable by the supplier while `safed` does not run. Unknown keys are refused.</summary>
public sealed record SafeConfiguration
{
    public SafeConfiguration()
    {
    }

    // Without a constructor to call, generated deserialisation puts 0 where a key is left out, not the default.
    [JsonConstructor, SetsRequiredMembers]
    internal SafeConfiguration(
        string name, string endpoint, string volume, long volumeBytes, string network, int leaseSeconds = 90, int challengeSeconds = 25,
        int boundSeconds = 120, int maxSessionSeconds = 24 * 60 * 60, bool rebootWhenFaulted = false)
    {
        (Name, Endpoint, Volume, VolumeBytes, Network) = (name, endpoint, volume, volumeBytes, network);
        (LeaseSeconds, ChallengeSeconds, BoundSeconds, MaxSessionSeconds) = (leaseSeconds, challengeSeconds, boundSeconds, maxSessionSeconds);
        RebootWhenFaulted = rebootWhenFaulted;
    }

    /// <summary>The safe's name, also the zone of its hosts, see <see cref="SafeName"/>.</summary>
    public required string Name { get; init; }

    /// <summary>HOST:PORT at which members reach the gateway.</summary>
    public required string Endpoint { get; init; }

    /// <summary>Absolute path of the volume's file.</summary>
    public required string Volume { get; init; }

    public required long VolumeBytes { get; init; }

    /// <summary>The safe's own prefix: 10.X.Y.0/20 with Y a multiple of 16.</summary>
    public required string Network { get; init; }

    /// <summary>How long a silent session counts.</summary>
    public int LeaseSeconds { get; init; } = 90;

    public int ChallengeSeconds { get; init; } = 25;

    /// <summary>The longest that closing may take.</summary>
    public int BoundSeconds { get; init; } = 120;

    /// <summary>After this long a session must give its password again.</summary>
    public int MaxSessionSeconds { get; init; } = 24 * 60 * 60;

    /// <summary>Whether a key that cannot be removed reboots the server.</summary>
    public bool RebootWhenFaulted { get; init; }

    [JsonIgnore]
    public IPNetwork Prefix => IPNetwork.Parse(Network);

    [JsonIgnore]
    public TimeSpan Lease => TimeSpan.FromSeconds(LeaseSeconds);

    [JsonIgnore]
    public TimeSpan Challenge => TimeSpan.FromSeconds(ChallengeSeconds);

    [JsonIgnore]
    public TimeSpan Bound => TimeSpan.FromSeconds(BoundSeconds);

    [JsonIgnore]
    public TimeSpan MaxSession => TimeSpan.FromSeconds(MaxSessionSeconds);

    /// <summary>Everything that is wrong, empty when nothing is.</summary>
    public IReadOnlyList<string> Errors()
    {
        var errors = new List<string>();
        Check(SafeName.IsValid(Name), $"name: {SafeName.Rule}");
        Check(AddressFile.IsEndpoint(Endpoint), "endpoint: HOST:PORT");
        Check(Path.IsPathFullyQualified(Volume) && !Volume.Contains('\0', StringComparison.Ordinal), "volume: an absolute path");
        Check(VolumeBytes is >= 16L << 20 and <= 1L << 50 && VolumeBytes % 4096 == 0, "volume_bytes: at least 16 MiB, a multiple of 4096");
        Check(IPNetwork.TryParse(Network, out var network) && network.PrefixLength == 20 && network.BaseAddress.GetAddressBytes() is [10, _, var y, 0] && y % 16 == 0
            && network.ToString() == Network,
            "network: 10.X.Y.0/20 with Y a multiple of 16");
        Check(LeaseSeconds is >= 2 and <= 3600, "lease_seconds: 2 to 3600");
        Check(ChallengeSeconds >= 1 && ChallengeSeconds * 2 <= LeaseSeconds, "challenge_seconds: at least 1, at most half of lease_seconds");
        Check(BoundSeconds is >= 5 and <= 3600, "bound_seconds: 5 to 3600");
        Check(MaxSessionSeconds >= LeaseSeconds && MaxSessionSeconds <= 7 * 24 * 3600, "max_session_seconds: lease_seconds to a week");
        return errors;

        void Check(bool holds, string error)
        {
            if (!holds)
            {
                errors.Add(error);
            }
        }
    }

    /// <exception cref="FaultException"><see cref="FaultCodes.BadConfiguration"/>, with all errors at once.</exception>
    public SafeConfiguration Validated() => Errors() is { Count: > 0 } errors
        ? throw new FaultException(FaultCodes.BadConfiguration, ("why", string.Join("; ", errors)))
        : this;

    public byte[] Write() => [.. JsonSerializer.SerializeToUtf8Bytes(this, SafeConfigurationJson.Default.SafeConfiguration), (byte)'\n'];

    /// <exception cref="FaultException"><see cref="FaultCodes.BadConfiguration"/>.</exception>
    public static SafeConfiguration Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, SafeConfigurationJson.Default.SafeConfiguration)?.Validated()
                ?? throw new FaultException(FaultCodes.BadConfiguration, ("why", "empty"));
        }
        catch (JsonException e)
        {
            throw new FaultException(FaultCodes.BadConfiguration, ("why", e.Message));
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, WriteIndented = true, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SafeConfiguration))]
internal sealed partial class SafeConfigurationJson : JsonSerializerContext;
