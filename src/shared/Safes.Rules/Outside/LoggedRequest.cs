using System.Globalization;
using System.Net;

namespace Safes.Rules.Outside;

/// <summary>A line of the proxy's log. Squid writes it, of words that a host chose: nothing of it may be printed as it is.</summary>
/// <param name="Host">The address that asked.</param>
/// <param name="Up">Bytes from the host.</param>
/// <param name="Down">Bytes to it.</param>
/// <param name="Status">Of HTTP; 0: there was no answer.</param>
/// <param name="Why">The reason's name, when it was refused.</param>
/// <param name="Rule">Which let it through; 0: none did.</param>
public sealed record LoggedRequest(
    DateTimeOffset At, IPAddress Host, string Method, string Name, int Port, long Up, long Down, int Status, string Why, int Rule)
{
    private const int Fields = 11;

    /// <summary>Null: it is no such line.</summary>
    public static LoggedRequest? Parse(string line)
    {
        string[] words = line.Split(' ');
        return words.Length == Fields && Number(words[0], 253402300799) is { } at && IPAddress.TryParse(words[1], out var host) &&
            Number(words[4], ushort.MaxValue) is { } port && Number(words[5], long.MaxValue) is { } up && Number(words[6], long.MaxValue) is { } down &&
            Number(words[7], 999) is { } status
            ? new LoggedRequest(
                DateTimeOffset.FromUnixTimeSeconds(at), host, words[2], words[3], (int)port, up, down, (int)status, words[8] == "-" ? "" : words[8], (int)(Number(words[9], int.MaxValue) ?? 0))
            : null;
    }

    private static long? Number(string text, long most) =>
        text == "-" ? 0 : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) && n <= most ? n : null;
}
