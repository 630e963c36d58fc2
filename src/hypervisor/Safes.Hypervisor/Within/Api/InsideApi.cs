using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Sessions;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Within.Api;

/// <summary>What members' devices ask of the inside of an open safe. A part of this class for each thing people do.</summary>
public sealed partial class InsideApi(IOpenSafe safe) : Contracts.V1.Inside.InsideBase
{
    public override async Task Watch(WatchRequest request, IServerStreamWriter<Seen> responseStream, ServerCallContext context)
    {
        var session = Own(context);
        using var watch = new Watch(safe);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken);
        var ending = EndAsync();
        try
        {
            // From now on nothing is missed, which a device can wait for.
            await context.WriteResponseHeadersAsync([]).ConfigureAwait(false);
            await watch.PumpAsync(responseStream, over.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!context.CancellationToken.IsCancellationRequested)
        {
            throw new FaultException(FaultCodes.NoSession);
        }
        finally
        {
            await over.CancelAsync().ConfigureAwait(false);
            await ending.ConfigureAwait(false);
        }

        // Whoever was the last to leave sees how hosts are suspended; others have no part in the safe any more.
        async Task EndAsync()
        {
            await Task.WhenAny(session.Ended, Task.Delay(Timeout.Infinite, over.Token)).ConfigureAwait(false);
            if (session.Ended.IsCompleted && safe.Sessions.All.Count > 0)
            {
                await over.CancelAsync().ConfigureAwait(false);
            }
        }
    }

    public override async Task<LookReply> Look(LookRequest request, ServerCallContext context)
    {
        RequireSession(context);
        return await safe.Work.RunAsync(
            _ =>
            {
                var reply = new LookReply { SshHostCa = Workspace.Ssh.HostAuthority };
                reply.Hosts.AddRange(Workspace.Hosts.Status().Select(Messages.Of));
                return Task.FromResult(reply);
            },
            context.CancellationToken).ConfigureAwait(false);
    }

    private Workspace Workspace => safe.Workspace ?? throw new FaultException(FaultCodes.NotOpen);

    /// <summary>
    /// The caller's own live session, which the call has to name. VPN and certificate do not suffice, nor that somebody holds a session with
    /// the same ones: a copy of a device's files is not told that session's name, because it does not know the password.
    /// </summary>
    private LiveSession RequireSession(ServerCallContext context) => safe.Work.IsOpen ? Own(context) : throw new FaultException(FaultCodes.NotOpen);

    private LiveSession Own(ServerCallContext context) =>
        context.RequestHeaders.GetValueBytes(CallHeaders.Session) is { Length: 16 } id && safe.Sessions.Find(new SessionId(new Guid(id))) is { } session
            && session.Device == Caller.Of(context).Peer.Device
            ? session
            : throw new FaultException(FaultCodes.NoSession);
}
