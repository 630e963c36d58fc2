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
        string detail = Detail(end.Detail);
        string cause = end.Reason switch
        {
            SessionEnd.ConnectionLost => "the connection to the server was lost",
            EndReasons.Lease => "the server heard nothing from this device for as long as the lease lasts",
            EndReasons.LongestTime or "expired" => "its longest time has passed; the password is needed again",
            EndReasons.Sealed or EndReasons.Closed or "closing" or "files-busy" or "not-open" or "unclaimed" => "the safe was closed at the server",
            EndReasons.NotOpened => "the safe was not opened",
            "faulted" => "the server had to close the safe and has not managed to; it goes on trying",
            EndReasons.Removed or "unknown-device" => "this device was removed from the safe",
            EndReasons.Replaced => "this device opened another session",
            "no-session" => "the server does not know it any more",
            EndReasons.Left => "you left",
            var other => Printable.Line(other),
        };
        return detail.Length > 0 && detail != cause ? $"{cause}: {detail}" : cause;
    }

    /// <summary>The server's causes have words here; what else it says is shown as it is.</summary>
    private static string Detail(string detail) => detail switch
    {
        "last-left" => "the last member left",
        "lease-ended" => "the last lease ended",
        "sealed" => "the supplier closed it",
        "opener-gone" => "whoever opened it went away meanwhile",
        "opening-failed" => "opening failed",
        "opening-too-slow" => "opening took too long",
        "claimed" => "it had just got its key",
        "nobody-came-back" => "the server's daemon was restarted, and no device came back in time",
        "guardian-lost" => "nothing there could have closed it in an emergency",
        "found-unfinished" => "the server's daemon was restarted in the middle of it",
        "adoption-failed" => "the server's daemon was restarted and could not take over the hosts",
        "inside-failed" => "the part of the server that works in the open safe ended again and again",
        _ => Printable.Line(detail),
    };

    public static string Time(SessionEnd end) => end.At.ToLocalTime().ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>What became of the work.</summary>
    public static string Kept => "files and hosts are kept: hosts go on where they were when the safe is opened again";

    /// <summary>Reads what a session's process left behind.</summary>
    public static SessionEnd Parse(Report report) => new(
        report.Name, report.Detail,
        DateTimeOffset.TryParse(report.Details.GetValueOrDefault("at"), System.Globalization.CultureInfo.InvariantCulture, out var at) ? at : DateTimeOffset.Now);
}
