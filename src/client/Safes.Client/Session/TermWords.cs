using System.Globalization;
using Safes.Client.Reports;
using Safes.Contracts;

namespace Safes.Client.Session;

/// <summary>When a session ends unless the password is given again, in words.</summary>
public static class TermWords
{
    /// <summary>Before it is too late: when, and what to do.</summary>
    public static string Ends(string safe, TimeSpan left, DateTimeOffset now) =>
        $"this session ends at {At(now + left, now)}, in {Ages.Words(left)}; `safe open {Printable.Line(safe)}` again renews it";

    /// <summary>18:02; on another day than today 24 Nov 18:02.</summary>
    public static string At(DateTimeOffset moment, DateTimeOffset now)
    {
        var local = moment.ToLocalTime();
        return local.ToString(local.Date == now.ToLocalTime().Date ? "HH:mm" : "d MMM HH:mm", CultureInfo.InvariantCulture);
    }
}
