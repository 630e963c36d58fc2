using System.Reflection;
using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Effects;
using Safes.Lifecycle;
using Device = Safes.Lifecycle.Device;

namespace Safes.Hypervisor.Api;

/// <summary>What members' devices ask of a safe. A part of this class for each thing people do.</summary>
public sealed partial class SafeApi(ApiParts parts) : Contracts.V1.Safe.SafeBase
{
    public static string Version { get; } =
        typeof(SafeApi).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    public override Task<HelloReply> Hello(HelloRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        var vault = parts.Vault;
        var state = parts.Daemon.State;
        var reply = new HelloReply
        {
            ServerVersion = Version,
            Name = vault.Configuration.Name,
            State = Messages.Of(state),
            Generation = vault.Generation,
            Epoch = vault.Epoch,
            Head = vault.Roster is { } r ? ByteString.CopyFrom(r.Head.Span) : ByteString.Empty,
            Entries = (ulong)(vault.Roster?.Count ?? 0),
            UnixMilliseconds = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Joined = vault.Roster?.FindDevice(caller.Peer.Device)?.Joined ?? false,
            SecondsToWait = (uint)Math.Ceiling(vault.Wait(caller.Peer.Device).TotalSeconds),
            Detail = Messages.Detail(state),
            Holding = state is Lifecycle.Open open && open.Sessions.Any(s => parts.Sessions.Find(s.Id)?.Device == caller.Peer.Device),
        };
        reply.Images.AddRange(Images());
        return Task.FromResult(reply);
    }

    public override Task<RosterReply> GetRoster(RosterRequest request, ServerCallContext context)
    {
        var reply = new RosterReply();
        if (parts.Vault.Roster is { } roster && request.After < (ulong)roster.Count)
        {
            reply.Entries.AddRange(roster.Entries.Skip((int)request.After).Select(e => ByteString.CopyFrom(e.Bytes.Span)));
        }

        return Task.FromResult(reply);
    }

    public override Task<OneTimeKeyReply> GetOneTimeKey(OneTimeKeyRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        var vault = parts.Vault;
        if (vault.Wait(caller.Peer.Device) is { Ticks: > 0 } wait)
        {
            throw new FaultException(FaultCodes.TooManyTries, ("seconds", $"{Math.Ceiling(wait.TotalSeconds):0}"));
        }

        var key = parts.OneTimeKeys.Issue(caller.Connection, $"{caller.Peer.Device}");
        var reply = new OneTimeKeyReply
        {
            PublicKey = ByteString.CopyFrom(key.PublicKey),
            Head = vault.Roster is { } r ? ByteString.CopyFrom(r.Head.Span) : ByteString.Empty,
            Generation = vault.Generation,
            TriesLeft = (uint)vault.TriesLeft(caller.Peer.Device),
        };
        if (!vault.IsClaimed)
        {
            try
            {
                using var share = key.ServerShare.Borrow();
                reply.ServerShare = ByteString.CopyFrom(share.Span);    // the genesis names its hash; with the client's part it makes the key
            }
            catch (ObjectDisposedException)
            {
                throw new FaultException(FaultCodes.Expired);    // asked for again on this connection meanwhile
            }
        }

        return Task.FromResult(reply);
    }

    public override Task<InsideReply> GetInside(InsideRequest request, ServerCallContext context)
    {
        var session = RequireSession(context);
        return Task.FromResult(InsideOf(session) ?? throw new FaultException(FaultCodes.NotOpen));
    }

    /// <summary>Null while there is none.</summary>
    private InsideReply? InsideOf(Sessions.LiveSession session) => parts.Safe.InsidePin is { IsEmpty: false } pin
        ? new InsideReply { Pin = ByteString.CopyFrom(pin.Span), Session = ByteString.CopyFrom(session.Id.Value.ToByteArray()) }
        : null;

    private IEnumerable<ImageDigest> Images() =>
        parts.Images.OrderBy(i => i.Key, StringComparer.Ordinal).Select(i => new ImageDigest { Name = i.Key, Sha256 = ByteString.CopyFrom(i.Value) });

    private static Device DeviceOf(Caller caller) => SafeEffects.DeviceOf(caller.Peer.Device);

    /// <summary>
    /// The caller's own live session, which the call has to name. VPN and certificate do not suffice, nor that somebody holds a session with
    /// the same ones: a copy of a device's files is not told that session's name, because it does not know the password.
    /// </summary>
    private Sessions.LiveSession RequireSession(ServerCallContext context) => parts.Daemon.State switch
    {
        Open o when Own(Caller.Of(context), context.RequestHeaders.GetValueBytes(CallHeaders.Session)) is var session && o.Find(session.Id) is not null => session,
        Lifecycle.Open => throw new FaultException(FaultCodes.NoSession),
        Faulted f => throw FaultMap.OfFaulted(f),
        Closing => throw new FaultException(FaultCodes.Closing),
        Unclaimed => throw new FaultException(FaultCodes.Unclaimed),
        _ => throw new FaultException(FaultCodes.NotOpen),
    };

    private IEnumerable<string> HeldBy() => parts.Daemon.State is Open o
        ? o.Sessions.Select(s => parts.Sessions.Find(s.Id)).OfType<Sessions.LiveSession>().Select(s => s.Member).Distinct().Order(StringComparer.Ordinal)
        : [];
}
