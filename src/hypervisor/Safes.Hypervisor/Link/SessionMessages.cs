using Google.Protobuf;
using Safes.Contracts.Link;
using Safes.Hypervisor.Sessions;
using Safes.Keys;
using Safes.Lifecycle;
using Safes.Roster;

namespace Safes.Hypervisor.Link;

/// <summary>A session as it goes over the wire: whole towards the inside, in numbers alone towards safed, which finds the names in the roster.</summary>
public static class SessionMessages
{
    public static SessionBegan Began(LiveSession session, bool keep) => new()
    {
        Session = ByteString.CopyFrom(session.Id.Value.ToByteArray()),
        Device = ByteString.CopyFrom(session.Device.ToBytes()),
        Member = session.Member,
        DeviceName = session.DeviceName,
        Account = session.Account,
        SinceUnix = session.Since.ToUnixTimeSeconds(),
        EndsBy = Nanoseconds(session.EndsBy),
        TokenSha256 = ByteString.CopyFrom(session.TokenHash),
        Keep = keep,
    };

    public static LiveSession Of(SessionBegan began) => new(
        IdOf(began.Session), DeviceId.Read(began.Device.ToByteArray()), began.Member, began.DeviceName, began.Account,
        DateTimeOffset.FromUnixTimeSeconds(began.SinceUnix), Time(began.EndsBy), began.TokenSha256.ToByteArray());

    public static SessionOver Over(SessionId id, SessionEnd why, bool forget) => new()
    {
        Session = ByteString.CopyFrom(id.Value.ToByteArray()),
        Reason = why.Reason,
        Detail = why.Detail,
        Forget = forget,
    };

    public static SessionId IdOf(ByteString session) => new(new Guid(session.Span));

    public static KeptSession Kept(LiveSession session)
    {
        var (id, device) = (Numbers.Halves(session.Id.Value.ToByteArray()), Numbers.Halves(session.Device.ToBytes()));
        return new KeptSession
        {
            SessionHigh = id.High,
            SessionLow = id.Low,
            DeviceHigh = device.High,
            DeviceLow = device.Low,
            SinceUnix = session.Since.ToUnixTimeSeconds(),
            EndsBy = Nanoseconds(session.EndsBy),
            TokenSha256 = Numbers.Pin(session.TokenHash),
        };
    }

    /// <summary>Null: its device belongs to the safe no longer.</summary>
    public static LiveSession? Of(KeptSession kept, SafeRoster roster)
    {
        var id = DeviceId.Read(Numbers.Sixteen(kept.DeviceHigh, kept.DeviceLow));
        return roster.FindDevice(id) is { } device && roster.MemberOf(device) is { } member
            ? new LiveSession(
                new SessionId(new Guid(Numbers.Sixteen(kept.SessionHigh, kept.SessionLow))), id, member.Name, device.Name, member.Account,
                DateTimeOffset.FromUnixTimeSeconds(kept.SinceUnix), Time(kept.EndsBy), Numbers.Bytes(kept.TokenSha256))
            : null;
    }

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    private static TimeSpan Time(long nanoseconds) => TimeSpan.FromTicks(nanoseconds / TimeSpan.NanosecondsPerTick);
}
