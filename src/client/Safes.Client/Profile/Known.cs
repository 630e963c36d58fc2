using System.Text.Json;
using System.Text.Json.Serialization;

namespace Safes.Client.Profile;

/// <summary>What a device remembers of the last time: where the roster stood, when that was, which images the safe runs.</summary>
/// <param name="Head">Of the roster, in hexadecimal digits.</param>
/// <param name="Images">SHA-256 by name, in hexadecimal digits.</param>
/// <param name="Owners">Who owned it at the last join or open, as the person was told; null: nobody has told him yet.</param>
public sealed record Known(int Entries, string Head, long SeenUnix, Dictionary<string, string> Images, IReadOnlyList<string>? Owners = null)
{
    public static Known Parse(ReadOnlySpan<byte> json) =>
        JsonSerializer.Deserialize(json, KnownJson.Default.Known) is { Entries: >= 0 } known && known.Images.Values.All(v => v is not null) && known.Owners?.All(o => o is not null) is not false
            ? known : throw new JsonException("nothing is known");

    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, KnownJson.Default.Known);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Known))]
internal sealed partial class KnownJson : JsonSerializerContext;
