using Google.Protobuf;
using Grpc.Core;
using Safes.Contracts;
using Safes.Contracts.V1;
using Safes.Hypervisor.Api;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Hosts;
using Safes.Linux;
using Safes.Rules;
using Safes.Volumes;

namespace Safes.Hypervisor.Within.Api;

/// <summary>Virtual hosts, for any member with a session; and the certificates to log in with.</summary>
public sealed partial class InsideApi
{
    private static readonly TimeSpan CertificateLife = TimeSpan.FromMinutes(5);

    public override async Task<SshKeyReply> SignSshKey(SshKeyRequest request, ServerCallContext context)
    {
        var session = RequireSession(context);
        RefuseWhereClosed();

        string certificate = await safe.Work.RunAsync(
            _ => Workspace.Ssh.SignUserAsync(request.PublicKey, session.Account, $"{session.Account} {session.DeviceName} {session.Id}", CertificateLife),
            context.CancellationToken).ConfigureAwait(false);
        return new SshKeyReply { Certificate = certificate, Seconds = (uint)CertificateLife.TotalSeconds };
    }

    public override Task AddHost(AddHostRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context) =>
        OnHostsAsync(context, responseStream, (hosts, progress) => hosts.AddAsync(
            new Hosts.HostRequest(request.Name, request.Image, (int)request.Cpus, (long)request.MemoryBytes, (long)request.DiskBytes), progress)!);

    public override Task StartHost(StartHostRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context) =>
        OnHostsAsync(context, responseStream, (hosts, progress) => hosts.StartAsync(request.Name, request.Cold, safe.Generation, progress)!);

    public override Task StopHost(Contracts.V1.HostRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context) =>
        OnHostsAsync(context, responseStream, async (hosts, progress) =>
        {
            await hosts.StopAsync(request.Name, progress).ConfigureAwait(false);
            return hosts.Status().FirstOrDefault(h => h.Name == request.Name);
        });

    public override Task ResizeHost(ResizeHostRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context) =>
        OnHostsAsync(context, responseStream, (hosts, _) => hosts.ResizeAsync(
            new Hosts.HostRequest(request.Name, "", (int)request.Cpus, (long)request.MemoryBytes, (long)request.DiskBytes))!);

    public override Task RemoveHost(Contracts.V1.HostRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context) =>
        OnHostsAsync(context, responseStream, async (hosts, progress) =>
        {
            await hosts.RemoveAsync(request.Name, progress).ConfigureAwait(false);
            return null;
        });

    public override async Task ReadConsole(ConsoleRequest request, IServerStreamWriter<ConsoleChunk> responseStream, ServerCallContext context)
    {
        var session = RequireSession(context);
        RefuseWhereClosed();
        await safe.Work.RunAsync(
            async stop =>
            {
                await foreach (var chunk in Workspace.Hosts.ReadConsoleAsync(request.Name, (int)request.LastBytes, request.Follow, stop).ConfigureAwait(false))
                {
                    RefuseWhereClosed();
                    if (session.Ended.IsCompleted)
                    {
                        throw new FaultException(FaultCodes.NoSession);    // nor does what it began go on without it
                    }

                    await responseStream.WriteAsync(new ConsoleChunk { Data = ByteString.CopyFrom(chunk.Span) }, stop).ConfigureAwait(false);
                }

                return true;
            },
            context.CancellationToken).ConfigureAwait(false);
    }

    /// <summary>What is seen in a shell or on a console has left.</summary>
    private void RefuseWhereClosed()
    {
        if (safe.Transfers is { DataOut: DataOut.Closed })
        {
            throw new FaultException(FaultCodes.NoShell);
        }
    }

    public override async Task<StatusReply> GetStatus(StatusRequest request, ServerCallContext context)
    {
        RequireSession(context);
        var reply = new StatusReply { State = State.Open, SinceUnix = safe.Circumstances.SinceUnix };
        reply.Holders.AddRange(safe.Sessions.All.OrderBy(s => s.Since).Select(s => new Contracts.V1.Holder { Member = s.Member, Device = s.DeviceName, SinceUnix = s.Since.ToUnixTimeSeconds() }));
        reply.Hosts.AddRange(safe.Workspace?.Hosts.Status().Select(Messages.Of) ?? []);
        if (safe.Workspace?.Rules.Problem is { } problem)
        {
            reply.Warnings.Add($"the owners' rules are not whole, so nothing is allowed: {problem}");
        }

        if (safe.Workspace?.Outside.Problem is { } amiss)
        {
            reply.Warnings.Add($"the way outside is not as the rules say: {amiss}");
        }

        if (safe.Workspace is not null)
        {
            await safe.Work.RunAsync(
                async _ =>
                {
                    if (request.Share)
                    {
                        reply.Share.AddRange((await Workspace.Hosts.LookAtShareAsync().ConfigureAwait(false))
                            .Select(t => new Contracts.V1.ShareTrouble { Text = t.Text, Hosts = { t.Hosts }, Contended = t.Contended }));
                    }

                    return await TellRoomAsync(reply).ConfigureAwait(false);
                },
                context.CancellationToken).ConfigureAwait(false);
        }

        return reply;
    }

    private async Task<bool> TellRoomAsync(StatusReply reply)
    {
        var transfers = safe.Transfers;
        var room = await safe.RoomAsync().ConfigureAwait(false);
        reply.VolumeBytes = (ulong)room.Total;
        reply.VolumeFreeBytes = (ulong)room.Free;
        reply.ShareBytes = (ulong)Math.Max(0, room.Total - room.Free - Reserved(safe.Root));
        if (room.Used >= InsideUpkeep.Full)
        {
            reply.Warnings.Add($"the volume is {room.Used:P0} full");
        }

        if (await Background.Run(() => transfers?.Airlock.Entries.Count(e => e.State == OutState.OutWaiting) ?? 0, "count requests").ConfigureAwait(false) is > 0 and var waiting)
        {
            reply.Warnings.Add($"{waiting} request{(waiting == 1 ? " waits" : "s wait")} for an owner to let files out: safe out list");
        }

        if (await Background.Run(() => transfers?.Airlock.Unreadable ?? [], "look at requests").ConfigureAwait(false) is { Count: > 0 } damaged)
        {
            reply.Warnings.Add($"of the requests to let files out, {string.Join(", ", damaged)} cannot be read; nothing of {(damaged.Count == 1 ? "it" : "them")} leaves");
        }

        return true;
    }

    /// <summary>What hosts and images take. The rest of what is used is the team's.</summary>
    private static long Reserved(VolumeDirectory root) => ((string[])["hosts", "images"])
        .SelectMany(kind => root.List(kind).Where(e => e.Kind == EntryKind.Directory).SelectMany(e => root.List($"{kind}/{e.Name}")))
        .Sum(e => e.AllocatedBytes);

    /// <summary>Runs to its end also when the caller goes away, unless the safe closes: a host half made helps nobody.</summary>
    private async Task OnHostsAsync(
        ServerCallContext context, IServerStreamWriter<Contracts.V1.Progress> to, Func<HostFleet, IProgress<HostStep>, Task<HostStatus?>> work)
    {
        RequireSession(context);
        var steps = new StepChannel();
        var run = safe.Work.RunAsync(
            async stop =>
            {
                var status = await work(Workspace.Hosts, steps).WaitAsync(stop).ConfigureAwait(false);
                await safe.HoldAsync().ConfigureAwait(false);
                return status;
            },
            CancellationToken.None);
        await steps.PumpAsync((step, stop) => to.WriteAsync(new Contracts.V1.Progress { Step = step }, stop), run, context.CancellationToken).ConfigureAwait(false);
        if (await run.ConfigureAwait(false) is { } status)
        {
            await to.WriteAsync(new Contracts.V1.Progress { Host = Messages.Of(status) }, context.CancellationToken).ConfigureAwait(false);
        }
    }
}
