using System.Text.Json;
using Google.Protobuf;
using Safes.Client.Connection;
using Safes.Client.Profile;
using Safes.Client.Reports;
using Safes.Contracts;
using Safes.Linux;

namespace Safes.Client.Session;

/// <summary>A safe that this device holds open, as its commands use it: calls go to the server through the tunnel that the session keeps.</summary>
public sealed class HeldSafe : IDisposable
{
    private HeldSafe(SafeProfile profile, SessionLink link, Report info)
    {
        Profile = profile;
        Link = link;
        Info = info.Details;
        Server = new Server(profile.Address, profile.Keys);
        Server.Session = ByteString.CopyFrom(Convert.FromHexString(Info.GetValueOrDefault("session", "")));
        Server.InsidePin = ByteString.CopyFrom(Convert.FromHexString(Info.GetValueOrDefault("inside", "")));
    }

    public SafeProfile Profile { get; }

    public SessionLink Link { get; }

    /// <summary>zone, session, inside, account, directory, pid, lease_seconds, tunnel, left_seconds, ends_soon.</summary>
    public IReadOnlyDictionary<string, string> Info { get; }

    public Server Server { get; }

    public string Zone => Info.GetValueOrDefault("zone", Profile.Name);

    /// <summary>How long the session lasts at most unless it is renewed; null when nothing limits it.</summary>
    public TimeSpan? Left => long.TryParse(Info.GetValueOrDefault("left_seconds"), out long seconds) ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>Whether to open again now means to renew it.</summary>
    public bool EndsSoon => Info.GetValueOrDefault("ends_soon") == "yes";

    /// <summary>A session makes its socket anew within a second, and has just ended or just begun for less.</summary>
    private static readonly TimeSpan DoorLimit = TimeSpan.FromSeconds(4), AskAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>Null when this device has no session, whichever shell it was opened in.</summary>
    /// <exception cref="FaultException">session-busy: there is one that still opens, does not answer, or is on another computer.</exception>
    public static async Task<HeldSafe?> FindAsync(SafeProfile profile, CancellationToken stop)
    {
        var link = new SessionLink(profile.SocketPath);
        for (var end = BootClock.Now + DoorLimit; SessionHolder.Find(profile) is { } holder; await Task.Delay(AskAgain, stop).ConfigureAwait(false))
        {
            using var time = CancellationTokenSource.CreateLinkedTokenSource(stop);
            time.CancelAfter(DoorLimit);
            try
            {
                if (await AskAsync(profile, link, time.Token).ConfigureAwait(false) is { } held)
                {
                    return held;
                }
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                // Its process is there, and stands still.
            }

            if (BootClock.Now > end)
            {
                throw holder.Busy("it does not answer at its socket");
            }
        }

        return null;
    }

    private static async Task<HeldSafe?> AskAsync(SafeProfile profile, SessionLink link, CancellationToken stop)
    {
        try
        {
            await foreach (var report in link.AskAsync(SessionWords.Info, stop).ConfigureAwait(false))
            {
                return new HeldSafe(profile, link, report);
            }
        }
        catch (Exception e) when (e is FaultException { Code.Code: "no-session" } or IOException)
        {
            // It has just ended, or its socket is not there.
        }

        return null;
    }

    /// <summary>Asks a session by a signal to leave, where its socket does not answer. False: it did not end in time.</summary>
    public static async Task<bool> EndAsync(SafeProfile profile, TimeSpan limit) => SessionHolder.Find(profile) is not { } holder || await holder.EndAsync(limit).ConfigureAwait(false);

    /// <exception cref="FaultException">no-session, with what became of the last one.</exception>
    public static async Task<HeldSafe> GetAsync(SafeProfile profile, CancellationToken stop) =>
        await FindAsync(profile, stop).ConfigureAwait(false) ?? throw new FaultException(FaultCodes.NoSession, ("last", LastWords(profile)));

    /// <summary>How the last session ended, if it did so by itself.</summary>
    public static SessionEnd? LastEnd(SafeProfile profile)
    {
        try
        {
            return File.Exists(profile.EndedPath) && JsonSerializer.Deserialize(PrivateFile.Read(profile.EndedPath), ReportJson.Default.Report) is { } report
                ? EndWords.Parse(report) : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException or FaultException)
        {
            return null;
        }
    }

    /// <summary>Tells the session that hosts came or went.</summary>
    public async Task RefreshAsync(CancellationToken stop)
    {
        await foreach (var _ in Link.AskAsync(SessionWords.Refresh, stop).ConfigureAwait(false)) { }
    }

    public void Dispose() => Server.Dispose();

    private static string LastWords(SafeProfile profile) =>
        LastEnd(profile) is { } end ? $"your session ended at {EndWords.Time(end)}: {EndWords.Cause(end)}" : "";
}
