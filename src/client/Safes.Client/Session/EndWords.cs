using Safes.Client.Reports;
using Safes.Contracts;

namespace Safes.Client.Session;

/// <summary>Why a session ended, in words: cause, time, and what was kept.</summary>
public static class EndWords
{
    /// <summary>Two lines for the terminal where it was opened.</summary>
    public static string Of(string safe, SessionEnd end) =>
        $"\nsafe: note:  your session of '{Printable.Line(safe)}' ended at {Time(end)}: {Cause(end)}\nsafe: note:  {Kept}\n";

    /// <summary>The cause alone.</summary>
    public static string Cause(SessionEnd end)
    {
        string detail = Printable.Line(end.Detail);
        string cause = end.Reason switch
        {
            "connection-lost" => "the connection to the server was lost",
            "lease" or "lease-ended" => "the server heard nothing from this device for as long as the lease lasts",
            "longest-time" or "expired" => "its longest time has passed; the password is needed again",
            "sealed" or "closed" => "the safe was closed at the server",
            "removed" or "unknown-device" => "this device was removed from the safe",
            "replaced" => "this device opened another session",
            "no-session" => "the server does not know it any more",
            SessionEnd.Left => "you left",
            var other => Printable.Line(other),
        };
        return detail.Length > 0 && detail != cause ? $"{cause}: {detail}" : cause;
    }

    public static string Time(SessionEnd end) => end.At.ToLocalTime().ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What became of the work.</summary>
    public static string Kept => "files and hosts are kept: hosts go on where they were when the safe is opened again";

    /// <summary>Reads what a session's process left behind.</summary>
    public static SessionEnd Parse(Report report) => new(
        report.Name, report.Detail,
        DateTimeOffset.TryParse(report.Details.GetValueOrDefault("at"), System.Globalization.CultureInfo.InvariantCulture, out var at) ? at : DateTimeOffset.Now);
}
