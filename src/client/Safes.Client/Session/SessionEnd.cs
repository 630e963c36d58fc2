using Safes.Client.Reports;
using Safes.Contracts;

namespace Safes.Client.Session;

/// <summary>Why a session ended, when by this device's clock, and what was kept.</summary>
public sealed record SessionEnd(string Reason, string Detail, DateTimeOffset At)
{
    public const string Left = EndReasons.Left;

    /// <summary>Nobody told it: this side has not heard from the server for a lease.</summary>
    public const string ConnectionLost = "connection-lost";

    /// <summary>Whether the person wanted it.</summary>
    public bool Wanted => Reason == Left;

    public Report ToReport() => new(ReportKind.Ended, Reason, Detail)
    {
        Details = new() { ["at"] = At.ToString("yyyy-MM-ddTHH:mm:ssK", System.Globalization.CultureInfo.InvariantCulture) },
    };
}
