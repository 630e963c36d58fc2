using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Vaults;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>The first owner's claim, and later members' joins.</summary>
public sealed partial class SafeApi
{
    public override async Task Claim(ClaimRequest request, IServerStreamWriter<Progress> responseStream, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        var key = parts.OneTimeKeys.Take(caller.Connection, request.OneTimeKey.Span);
        using var feed = new StepFeed(parts.Daemon);
        var claim = ClaimAsync(key, request, context.CancellationToken);
        await feed.PumpAsync((step, stop) => responseStream.WriteAsync(new Progress { Step = step! }, stop), claim, CancellationToken.None).ConfigureAwait(false);
        await claim.ConfigureAwait(false);
        await responseStream.WriteAsync(new Progress { Step = new Step { Name = "claimed", Done = true } }).ConfigureAwait(false);
    }

    public override async Task<JoinReply> Join(JoinRequest request, ServerCallContext context)
    {
        var caller = Caller.Of(context);
        var key = parts.OneTimeKeys.Take(caller.Connection, request.OneTimeKey.Span);
        var change = parts.Vault.Join(caller.Peer.Device, key, request.Sealed.ToByteArray(), request.Entry.ToByteArray());
        await RosterChangedAsync(change).ConfigureAwait(false);
        var reply = new JoinReply { Generation = change.Generation, Head = ByteString.CopyFrom(change.Head) };
        reply.Images.AddRange(Images());
        return reply;
    }

    private async Task ClaimAsync(OneTimeKey key, ClaimRequest request, CancellationToken stop)
    {
        bool begun = false, recorded = false;
        try
        {
            using (key)
            {
                await parts.Vault.ClaimAsync(
                    key, request.Sealed.ToByteArray(), request.Genesis.ToByteArray(),
                    async (keys, cancellation) =>
                    {
                        parts.Keys.Put(KeySlots.Claim, keys);
                        var asked = await parts.Daemon.SubmitAsync(at => new ClaimRequested(at)).ConfigureAwait(false);
                        if (asked.Then.Refusal is { } refusal)
                        {
                            throw FaultMap.Of(refusal, asked.Then.State);
                        }

                        begun = true;
                        if (await asked.Performed.WaitAsync(cancellation).ConfigureAwait(false) is { } failed)
                        {
                            throw FaultMap.Of(failed.Cause);
                        }
                    },
                    stop).ConfigureAwait(false);
            }

            recorded = true;
        }
        finally
        {
            parts.Keys.Wipe(KeySlots.Claim);
            if (begun)
            {
                await parts.Daemon.SubmitAsync(at => new ClaimEnded(at, recorded)).ConfigureAwait(false);
                await parts.Daemon.WhenAsync(s => s is Closed or Unclaimed or Faulted, CancellationToken.None).ConfigureAwait(false);
            }
        }

        if (parts.Daemon.State is Faulted f)
        {
            throw FaultMap.OfFaulted(f);
        }
    }

    /// <summary>The header has changed durably; the rest follows, and where it cannot now it does at the next opening.</summary>
    private async Task RosterChangedAsync(HeaderChange change)
    {
        try
        {
            await parts.Work.RunAsync(
                async _ =>
                {
                    await parts.Safe.RosterChangedAsync(change).ConfigureAwait(false);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (FaultException e) when (e.Code == FaultCodes.NotOpen || e.Code == FaultCodes.Closing)
        {
            await parts.Safe.RosterChangedAsync(change).ConfigureAwait(false);
        }
    }
}
