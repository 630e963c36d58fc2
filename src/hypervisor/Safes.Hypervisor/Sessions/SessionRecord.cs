using System.Text.Json;
using System.Text.Json.Serialization;
using Safes.Keys;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Sessions;

/// <summary>A session as it lies on the volume, for a restarted safed. The token itself is nowhere but at the device.</summary>
/// <param name="EndsBy">Nanoseconds of CLOCK_BOOTTIME: a key that is there was added in this boot.</param>
public sealed record SessionRecord(string Session, string Device, string Member, string DeviceName, string Account, long SinceUnix, long EndsBy, string TokenSha256)
{
    public static SessionRecord Of(LiveSession s) => new(
        s.Id.Value.ToString("N"), Convert.ToHexStringLower(s.Device.ToBytes()), s.Member, s.DeviceName, s.Account, s.Since.ToUnixTimeSeconds(),
        s.EndsBy.Ticks * 100, Convert.ToHexStringLower(s.TokenHash));

    public LiveSession Live() => new(
        new SessionId(Guid.ParseExact(Session, "N")), DeviceId.Read(Convert.FromHexString(Device)), Member, DeviceName, Account,
        DateTimeOffset.FromUnixTimeSeconds(SinceUnix), TimeSpan.FromTicks(EndsBy / 100), Convert.FromHexString(TokenSha256));

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, SessionJson.Default.SessionRecord);

    /// <summary>Null when it is damaged: then the session is lost, and that is all.</summary>
    public static SessionRecord? Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var record = JsonSerializer.Deserialize(bytes, SessionJson.Default.SessionRecord);
            return record?.Live() is null ? null : record;
        }
        catch (Exception e) when (e is JsonException or FormatException or ArgumentException or MalformedException)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(SessionRecord))]
internal sealed partial class SessionJson : JsonSerializerContext;
