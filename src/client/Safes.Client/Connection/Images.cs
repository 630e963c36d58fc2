using Google.Protobuf.Collections;
using Safes.Contracts.V1;

namespace Safes.Client.Connection;

/// <summary>The digests of the images that a safe runs, as people and the profile keep them.</summary>
public static class Images
{
    public static Dictionary<string, string> ToNames(this RepeatedField<ImageDigest> images) =>
        images.GroupBy(i => i.Name, StringComparer.Ordinal).ToDictionary(g => g.Key, g => Convert.ToHexStringLower(g.First().Sha256.Span));

    /// <summary>debian-13 3f0c2a11…, gateway 77ab…</summary>
    public static string Words(IReadOnlyDictionary<string, string> images) =>
        string.Join(", ", images.OrderBy(i => i.Key, StringComparer.Ordinal).Select(i => $"{i.Key} {(i.Value.Length > 12 ? i.Value[..12] + "…" : i.Value)}"));
}
