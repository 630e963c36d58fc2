using System.Globalization;
using Safes.Client.Profile;
using Safes.Contracts;
using Safes.Rules;

namespace Safes.Client.Rules;

/// <summary>How far this device has seen a safe's rules: it takes no chain that is shorter, nor one that went another way.</summary>
internal static class RulesSeen
{
    private const string FileName = "rules.seen";

    /// <exception cref="FaultException">rules-damaged: the server shows less than before, or something else; damaged-file.</exception>
    public static void Check(SafeProfile profile, RuleBook shown)
    {
        var (count, head) = Find(profile);
        if (count == 0)
        {
            return;
        }

        if (shown.Entries.Count < count)
        {
            throw new FaultException(FaultCodes.RulesDamaged, ("why", $"the server shows {shown.Entries.Count} entries, this device has seen {count}"));
        }

        if (Convert.ToHexStringLower(shown.Entries[count - 1].Head.Span) != head)
        {
            throw Other(count);
        }
    }

    /// <summary>How many entries this device has seen, and the last one's head in hexadecimal; none: 0.</summary>
    /// <exception cref="FaultException">damaged-file.</exception>
    public static (int Count, string Head) Find(SafeProfile profile)
    {
        string path = PathOf(profile);
        if (!File.Exists(path))
        {
            return (0, "");
        }

        string[] seen = PrivateFile.ReadText(path).TrimEnd('\n').Split(' ');
        if (seen is not [var digits, var head] || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int count) || count < 1 ||
            head.Length != 128 || !head.All(char.IsAsciiHexDigitLower))
        {
            throw new FaultException(FaultCodes.DamagedFile, ("what", path));
        }

        return (count, head);
    }

    public static FaultException Other(int seen) => new(FaultCodes.RulesDamaged, ("why", $"they are not a continuation of the {seen} entries that this device has seen"));

    public static void Keep(SafeProfile profile, RuleBook verified)
    {
        if (verified.Entries.Count > 0)
        {
            PrivateFile.Write(PathOf(profile), System.Text.Encoding.ASCII.GetBytes($"{verified.Entries.Count} {Convert.ToHexStringLower(verified.Head.Span)}\n"));
        }
    }

    private static string PathOf(SafeProfile profile) => Path.Combine(profile.Places.Config, profile.Name, FileName);
}
