using Grpc.Core;
using Microsoft.Extensions.Logging;
using Safes.Contracts.V1;
using Safes.Hypervisor.Daemon;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Ways;
using Safes.Lifecycle;
using Safes.Volumes;

namespace Safes.Hypervisor.Api;

/// <summary>For root on the hypervisor: what the kernel says, and closing by hand.</summary>
public sealed class LocalApi(SafeDaemon daemon, SafeParts parts, SafeEffects effects, ILogger<LocalApi> log) : Local.LocalBase
{
    public override Task<StateReply> GetState(StateRequest request, ServerCallContext context)
    {
        var state = daemon.State;
        var reply = new StateReply
        {
            State = Messages.Of(state),
            Name = parts.Paths.Name,
            SinceUnix = daemon.Since.ToUnixTimeSeconds(),
            Gateway = parts.Gateway.IsUp ? $"up, pid {parts.Gateway.Pid}" : "down",
            Guardian = effects.GuardianState,
            Detail = daemon.Running is { } r && StepFeed.NameOf(r.Effect) is { } step ? $"{step}, {r.Took.TotalSeconds:0.0} s" : Messages.Detail(state),
        };
        reply.Holders.AddRange(Holders(state, parts.Sessions));
        reply.Hosts.AddRange(effects.Hosts.Select(h => new HostCount
        {
            Number = h.Host,
            State = $"{h.Standing}".ToLowerInvariant(),
            Cpus = h.Cpus,
            MemoryBytes = h.MemoryBytes,
        }));
        reply.Inside = effects.InsideState;
        reply.Facts.AddRange(Facts());
        reply.Facts.Add(NetworkWords.Fact(parts.Network.Condition, parts.Network.Addresses));
        return Task.FromResult(reply);
    }

    public override async Task Seal(SealRequest request, IServerStreamWriter<Contracts.V1.Progress> responseStream, ServerCallContext context)
    {
        try
        {
            using var feed = new StepFeed(daemon);
            await daemon.SubmitAsync(at => new SealRequested(at)).ConfigureAwait(false);
            var closed = daemon.WhenAsync(s => s is not Closing, context.CancellationToken);
            await feed.PumpAsync(
                (step, stop) => responseStream.WriteAsync(new Contracts.V1.Progress { Step = step! }, stop), closed, context.CancellationToken).ConfigureAwait(false);
            if (await closed.ConfigureAwait(false) is Faulted f)
            {
                throw FaultMap.OfFaulted(f);
            }
        }
        catch (Exception e)
        {
            throw CallGuard.Refuse(e, context, log);
        }
    }

    internal static IEnumerable<Contracts.V1.Holder> Holders(SafeState state, SessionBook sessions) => state is Lifecycle.Open o
        ? o.Sessions.Select(s => sessions.Find(s.Id)).OfType<LiveSession>()
            .Select(s => new Contracts.V1.Holder { Member = s.Member, Device = s.DeviceName, SinceUnix = s.Since.ToUnixTimeSeconds() })
        : [];

    /// <summary>Established by looking, now; never from what safed remembers.</summary>
    private IEnumerable<KernelFact> Facts() => Facts(parts.Volume, parts.Paths);

    internal static IEnumerable<KernelFact> Facts(FscryptVolume volume, SafePaths paths)
    {
        var facts = volume.Observe();
        var processes = HostProcesses.Find(paths);
        yield return new KernelFact
        {
            Name = "key",
            Value = facts.Key switch
            {
                KeyStatus.Present => "present",
                KeyStatus.IncompletelyRemoved => "removed, but files hold it",
                KeyStatus.Absent => "absent",
                _ => "absent (not mounted)",
            },
            Safe = facts.Key is KeyStatus.Absent or KeyStatus.NotMounted,
        };
        yield return new KernelFact
        {
            Name = "mounts",
            Value = facts.Mounts.Count > 0 ? string.Join(", ", facts.Mounts.Select(m => $"{m.Path} ({(m.Pin is { } pin ? $"namespace pinned on {pin}" : $"namespace of pid {m.Pid}")})"))
                : facts.Loops.Count > 0 ? "none in a namespace that is seen; something unseen may hold one" : "none in any namespace",
            Safe = facts.Mounts.Count == 0,
        };
        yield return new KernelFact { Name = "loop devices", Value = facts.Loops.Count == 0 ? "none" : string.Join(", ", facts.Loops), Safe = facts.Loops.Count == 0 };
        yield return new KernelFact
        {
            Name = "/proc/keys",
            Value = facts.KeyEntries.Count == 0 ? "no key of the volume" : $"{facts.KeyEntries.Count} keys of the volume",
            Safe = facts.KeyEntries.Count == 0,
        };
        yield return new KernelFact
        {
            Name = "hosts' processes",
            Value = processes.Count == 0 ? "none" : string.Join(", ", processes.Select(p => $"{p.Command} ({p.Pid})")),
            Safe = processes.Count == 0,
        };
    }
}
