using System.Globalization;
using System.Net;

namespace Safes.Rules.Outside;

/// <summary>A line of the proxy's log. Squid writes it, of words that a host chose: nothing of it may be printed as it is.</summary>
/// <param name="Host">The address that asked.</param>
/// <param name="Up">Bytes from the host.</param>
/// <param name="Down">Bytes to it.</param>
/// <param name="Status">Of HTTP, as Squid gave it; 0: it gave no answer, also where the reason was said in its place.</param>
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

    /// <summary>What is left of it for who may not be told what a host chose: when, which host, what was decided by which rule, and that rule's own words.</summary>
    /// <param name="rules">Rules' own destinations, by number; of another one it is not said which it was.</param>
    /// <param name="hosts">The safe's hosts; null for an address that is none of theirs.</param>
    public LoggedRequest? Covered(IReadOnlyDictionary<int, string> rules, IReadOnlyDictionary<string, IPAddress> hosts)
    {
        string[] why = Why.Split('-', 2);
        int decided = why is ["ended" or "method" or "upload", var number] ? (int)(Number(number, int.MaxValue) ?? 0) : Why.Length == 0 ? Rule : 0;
        bool known = rules.TryGetValue(decided, out string? to);
        string verdict = Why.Length == 0 && Rule > 0 ? "" : known ? $"{why[0]}-{decided}" : why[0] is "none" or "by_address" or "inside" or "strange" ? why[0] : "refused";
        return hosts.Values.Contains(Host)
            ? new LoggedRequest(At, Host, "-", known ? to! : "-", 0, 0, 0, 0, verdict, known && verdict.Length == 0 ? decided : 0)
            : null;
    }

    /// <summary>As <see cref="Parse"/> reads it.</summary>
    public string Line => string.Create(
        CultureInfo.InvariantCulture, $"{At.ToUnixTimeSeconds()} {Host} {Method} {Name} {Port} {Up} {Down} {Status} {(Why.Length == 0 ? "-" : Why)} {(Rule == 0 ? "-" : $"{Rule}")} -");

    private static long? Number(string text, long most) =>
        text == "-" ? 0 : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long n) && n <= most ? n : null;
}
