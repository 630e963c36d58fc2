using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Safes.Contracts;
using Safes.Hypervisor.Daemon;
using Safes.Keys;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Sessions;

/// <summary>Who the sessions of the lifecycle are. It follows the lifecycle and decides nothing.</summary>
public sealed class SessionBook(ILogger log)
{
    public const int TokenSize = 32;

    private readonly ConcurrentDictionary<SessionId, LiveSession> sessions = new();

    public IReadOnlyCollection<LiveSession> All => [.. sessions.Values];

    public LiveSession? Find(SessionId id) => sessions.GetValueOrDefault(id);

    /// <summary>A session that is about to be asked for, with the token that only its device is told.</summary>
    public (LiveSession Session, byte[] Token) Prepare(DeviceId device, string member, string deviceName, string account, DateTimeOffset since, TimeSpan endsBy)
    {
        byte[] token = RandomNumberGenerator.GetBytes(TokenSize);
        Span<byte> id = stackalloc byte[16];
        RandomNumberGenerator.Fill(id);
        var session = new LiveSession(new SessionId(new Guid(id)), device, member, deviceName, account, since, endsBy, SHA256.HashData(token));
        sessions[session.Id] = session;
        return (session, token);
    }

    /// <summary>Sessions that lay on the volume when safed started.</summary>
    public void Load(IEnumerable<LiveSession> kept)
    {
        foreach (var live in kept)
        {
            sessions[live.Id] = live;
        }
    }

    /// <summary>It was refused, or will never come.</summary>
    public void Drop(SessionId id, SessionEnd why)
    {
        if (sessions.TryRemove(id, out var session))
        {
            session.End(why);
        }
    }

    /// <summary>To be hung on <see cref="SafeDaemon.Transitioned"/>.</summary>
    public void Follow(SafeState before, SafeEvent happened, SafeState after)
    {
        var now = Known(after).ToHashSet();
        foreach (var id in Known(before).Where(id => !now.Contains(id)))
        {
            if (sessions.TryRemove(id, out var session))
            {
                session.End(Why(before, happened, after, id));
                log.SessionEnded(id.ToString(), session.DeviceName, session.Ended.Result.Reason);
            }
        }

        foreach (var id in now.Except(Known(before)))
        {
            log.SessionBegan(id.ToString(), sessions.GetValueOrDefault(id)?.DeviceName ?? "?");
        }
    }

    private static IEnumerable<SessionId> Known(SafeState state) => state switch
    {
        Opening { For: Work w } => [w.Opener.Id],
        Open o => o.Sessions.Select(s => s.Id).Concat(o.Awaited?.Sessions.Select(k => k.Id) ?? []),
        _ => [],
    };

    private static SessionEnd Why(SafeState before, SafeEvent happened, SafeState after, SessionId id)
    {
        if (before is Open o && o.Find(id) is { } s && s.Until <= happened.At)
        {
            return s.EndsBy <= happened.At ? new(EndReasons.LongestTime) : new(EndReasons.Lease);
        }

        return (happened, after) switch
        {
            (SessionEnded e, _) when e.Session == id => new(EndReasons.Left),
            (OpenRequested, Open) => new(EndReasons.Replaced),
            (SealRequested, _) => new(EndReasons.Sealed),
            (_, Closing c) when before is Lifecycle.Opening => new(EndReasons.NotOpened, Cause(c.Why)),
            (_, Closing c) => new(EndReasons.Closed, Cause(c.Why)),
            _ => new(EndReasons.Closed),
        };
    }

    /// <summary>As it stands in <see cref="EndReasons.Causes"/>.</summary>
    internal static string Cause(CloseReason why) => System.Text.Json.JsonNamingPolicy.KebabCaseLower.ConvertName($"{why}");
}
