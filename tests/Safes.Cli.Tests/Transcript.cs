using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Safes.Cli.Tests;

/// <summary>What people see, as committed text. UPDATE_TRANSCRIPTS=1 writes it anew, to be read before it is committed.</summary>
internal static partial class Transcript
{
    public static void Compare(string name, string shown, [CallerFilePath] string here = "")
    {
        string path = Path.Combine(Path.GetDirectoryName(here)!, "Transcripts", name + ".txt"), text = Plain(shown);
        if (Environment.GetEnvironmentVariable("UPDATE_TRANSCRIPTS") == "1")
        {
            File.WriteAllText(path, text);
        }

        Assert.Equal(File.ReadAllText(path), text);
    }

    /// <summary>What differs from run to run.</summary>
    private static string Plain(string text) => Slow().Replace(Waits().Replace(Times().Replace(Gaps().Replace(Moments().Replace(Clock().Replace(Fingerprints().Replace(text, "XXXX-XXXX-XXXX-XXXX"), "HH:MM"), "D MON HH:MM"), "D MON HH:MM  "), "N.N s"), ""), "$1");

    // Shown only where a step takes over a second, which on a busy machine any may.
    [GeneratedRegex(@"(?m)^(ok .*?)(?:, |  +)N\.N s$")]
    private static partial Regex Slow();

    // After three seconds of a step it is said what is waited for, which on a busy machine any may come to.
    [GeneratedRegex(@"(?m)^wait .*\n")]
    private static partial Regex Waits();

    [GeneratedRegex("\\b[0-9A-Za-z]{4}(-[0-9A-Za-z]{4}){3}\\b")]
    private static partial Regex Fingerprints();

    [GeneratedRegex(@"\b\d{2}:\d{2}(:\d{2})?\b")]
    private static partial Regex Clock();

    [GeneratedRegex(@"\b\d{1,2} [A-Z][a-z]{2} HH:MM")]
    private static partial Regex Moments();

    // A column is as wide as its longest moment, and the first nine days of a month are shorter.
    [GeneratedRegex("D MON HH:MM {2,}")]
    private static partial Regex Gaps();

    [GeneratedRegex(@"\b\d+\.\d s\b")]
    private static partial Regex Times();
}
