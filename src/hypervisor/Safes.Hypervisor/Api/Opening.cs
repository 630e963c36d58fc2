using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Sessions;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>Opening a safe, and joining one that is open: both take the password's CK.</summary>
public sealed partial class SafeApi
{
    public override async Task Open(OpenRequest request, IServerStreamWriter<OpenProgress> responseStream, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        using var feed = new StepFeed(parts.Daemon, parts.Safe);
        Sessions.LiveSession? prepared = null;
        var opening = OpenAsync(caller, request, session => prepared = session, context.CancellationToken);
        try
        {
            await feed.PumpAsync(
                (step, stop) => responseStream.WriteAsync(
                    step is null && prepared is not null && InsideOf(prepared) is { } inside ? new OpenProgress { Inside = inside } : new OpenProgress { Step = step ?? new Step() }, stop),
                opening, context.CancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await Task.WhenAny(opening).ConfigureAwait(false);
        }

        var opened = await opening.ConfigureAwait(false);
        try
        {
            await responseStream.WriteAsync(new OpenProgress { Opened = opened }, context.CancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The device went away without its token: nobody could ever take this session up.
            await EndAsync(new SessionId(new Guid(opened.Session.Span)), new SessionEnd(EndReasons.NotOpened, SessionBook.Cause(CloseReason.OpenerGone))).ConfigureAwait(false);
            throw;
        }
    }

    public override async Task<ResumeReply> Resume(ResumeRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        var session = Own(caller, request.Session.Span);
        if (!session.IsToken(request.Token.Span))
        {
            throw new FaultException(FaultCodes.NoSession);
        }

        var lease = new Session(session.Id, DeviceOf(caller), parts.Daemon.Now + parts.Terms.Lease, session.EndsBy);
        var asked = await parts.Daemon.SubmitAsync(at => new SessionResumed(at, lease)).ConfigureAwait(false);
        if (asked.Then.Refusal is { } refusal)
        {
            throw FaultMap.Of(refusal, asked.Then.State);
        }

        await asked.Performed.ConfigureAwait(false);
        return new ResumeReply { Opened = Opened(session, request.Token.ToByteArray(), joined: true) };
    }

    private async Task<Opened> OpenAsync(Caller caller, OpenRequest request, Action<Sessions.LiveSession> prepared, CancellationToken stop)
    {
        // Not while another one opens: then this one would be refused after its attempt was charged.
        var state = await parts.Daemon.WhenAsync(s => s is not Lifecycle.Opening, stop).ConfigureAwait(false);
        switch (state)
        {
            case Unclaimed:
                throw new FaultException(FaultCodes.Unclaimed);
            case Faulted f:
                throw FaultMap.OfFaulted(f);
            case Closing:
                throw new FaultException(FaultCodes.Closing, ("detail", Messages.Detail(state)));
        }

        var (member, device) = Names(caller);
        var endsBy = parts.Daemon.Now + parts.Vault.Configuration.MaxSession;
        var oneTime = parts.OneTimeKeys.Take(caller.Connection, request.OneTimeKey.Span);
        using var keys = parts.Vault.Open(caller.Peer.Device, oneTime, request.Sealed.ToByteArray(), request.Head.Span, request.Generation);
        var (session, token) = parts.Sessions.Prepare(caller.Peer.Device, member.Name, device, member.Account, DateTimeOffset.UtcNow, endsBy);
        prepared(session);
        parts.Keys.Put(session.Id, keys);
        bool joined = false;
        try
        {
            var asked = await AskAsync(session, caller, stop).ConfigureAwait(false);
            joined = asked.Then.State is Open;
            await RequireStillMemberAsync(session).ConfigureAwait(false);
            if (joined)
            {
                await asked.Performed.ConfigureAwait(false);
            }
            else
            {
                await WhenOpenAsync(session, asked, stop).ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            parts.Sessions.Drop(session.Id, new SessionEnd(EndReasons.NotOpened));
            throw;
        }
        finally
        {
            // Whatever became of it, also when it only waited for another one's opening: nobody needs them any more.
            parts.Keys.Wipe(session.Id);
        }

        return Opened(session, token, joined);
    }

    /// <summary>A removal ends the sessions that it finds. One that was asked for before it and begins after it, it cannot have found.</summary>
    private async Task RequireStillMemberAsync(LiveSession session)
    {
        if (parts.Vault.Roster?.FindDevice(session.Device) is null)
        {
            await EndAsync(session.Id, new SessionEnd(EndReasons.Removed)).ConfigureAwait(false);
            throw new FaultException(FaultCodes.UnknownDevice);
        }
    }

    private async Task<Outcome> AskAsync(LiveSession session, Caller caller, CancellationToken stop)
    {
        while (true)
        {
            var asked = await parts.Daemon.SubmitAsync(
                at => new OpenRequested(at, new Session(session.Id, DeviceOf(caller), at + parts.Terms.Lease, session.EndsBy))).ConfigureAwait(false);
            switch (asked.Then.Refusal)
            {
                case null:
                    return asked;
                case Refusal.Opening:
                    await parts.Daemon.WhenAsync(s => s is not Lifecycle.Opening, stop).ConfigureAwait(false);
                    continue;
                case { } refusal:
                    throw FaultMap.Of(refusal, asked.Then.State);
            }
        }
    }

    private async Task WhenOpenAsync(LiveSession session, Outcome asked, CancellationToken stop)
    {
        try
        {
            var state = await parts.Daemon.WhenAsync(
                s => s is Open o ? o.Find(session.Id) is not null : s is not Lifecycle.Opening { For: Work w } || w.Opener.Id != session.Id, stop).ConfigureAwait(false);
            if (state is Open)
            {
                await parts.Daemon.WhenPerformedAsync(stop).ConfigureAwait(false);    // recorded, and the device let through
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C at the other end: nothing stays half open.
            await EndAsync(session.Id, new SessionEnd(EndReasons.NotOpened, SessionBook.Cause(CloseReason.OpenerGone))).ConfigureAwait(false);
            throw;
        }

        var failed = await asked.Performed.ConfigureAwait(false);
        var closed = await parts.Daemon.WhenAsync(s => s is not Closing, CancellationToken.None).ConfigureAwait(false);
        throw closed is Faulted f ? FaultMap.OfFaulted(f)
            : failed is { Cause: not OperationCanceledException } ? FaultMap.Of(failed.Cause)
            : new FaultException(FaultCodes.Closing, ("detail", "opening was given up"));
    }

    private Task<Outcome> EndAsync(SessionId id, SessionEnd why)
    {
        parts.Sessions.Find(id)?.Announce(why);
        return parts.Daemon.SubmitAsync(at => new SessionEnded(at, id));
    }

    /// <summary>The caller's session of that id; another device's is as good as none.</summary>
    private LiveSession Own(Caller caller, ReadOnlySpan<byte> id) =>
        id.Length == 16 && parts.Sessions.Find(new SessionId(new Guid(id))) is { } session && session.Device == caller.Peer.Device
            ? session
            : throw new FaultException(FaultCodes.NoSession);

    private (Roster.Member Member, string Device) Names(Caller caller)
    {
        var roster = parts.Vault.Roster ?? throw new FaultException(FaultCodes.Unclaimed);
        var device = roster.FindDevice(caller.Peer.Device) ?? throw new FaultException(FaultCodes.UnknownDevice);
        return (roster.MemberOf(device), device.Name);
    }

    private Opened Opened(LiveSession session, byte[] token, bool joined)
    {
        var configuration = parts.Vault.Configuration;
        var opened = new Opened
        {
            Session = ByteString.CopyFrom(session.Id.Value.ToByteArray()),
            Token = ByteString.CopyFrom(token),
            JoinedOpen = joined,
            LeaseSeconds = (uint)configuration.LeaseSeconds,
            ChallengeSeconds = (uint)configuration.ChallengeSeconds,
            MaxSeconds = (uint)configuration.MaxSessionSeconds,
            Account = session.Account,
            Zone = configuration.Name,
            InsidePin = ByteString.CopyFrom(parts.Safe.InsidePin.Span),
        };
        return opened;
    }
}
