namespace Safes.Rules.Outside;

/// <summary>What a host asks the proxy for.</summary>
/// <param name="Host">The host's name.</param>
/// <param name="Name">Of the destination, in lower case; an address is never one.</param>
/// <param name="UploadBytes">Of its body; negative: it does not say how many.</param>
public sealed record OutsideRequest(string Host, string Name, int Port, string Method = "GET", long UploadBytes = 0)
{
    /// <summary>Reads a URL as the proxy would.</summary>
    /// <exception cref="FormatException">Not a URL of http or https.</exception>
    public static OutsideRequest Of(string host, string url, string method = "GET", long uploadBytes = 0)
    {
        string text = url.Contains("://", StringComparison.Ordinal) ? url : $"https://{url}";
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.IdnHost.Length > 0
            ? new OutsideRequest(host, uri.IdnHost.TrimEnd('.').ToLowerInvariant(), uri.Port, method, uploadBytes)
            : throw new FormatException($"'{url}' is no URL of http or https");
    }

    /// <summary>Rules name names: an address is none, in whichever notation.</summary>
    public bool IsAddress => Name.Contains(':', StringComparison.Ordinal) || Destination.IsNumber(Name[(Name.LastIndexOf('.') + 1)..]);
}
