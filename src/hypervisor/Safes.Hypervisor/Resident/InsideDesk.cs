using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Safes.Contracts;
using Safes.Contracts.Link;
using Safes.Hypervisor.Effects;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Link;
using Safes.Hypervisor.Ways;
using Safes.Linux;
using Safes.Network;
using Safes.Qemu;

namespace Safes.Hypervisor.Resident;

/// <summary>
/// What safed does for the inside, which asks by numbers: ports and ways in the network, share daemons, strays, looks at QEMU's memory, the
/// guardian. What a number may mean is checked here: an inside that somebody took over gets no further than its own hosts.
/// </summary>
public sealed class InsideDesk(SafeParts parts) : IDisposable
{
    private readonly ConcurrentDictionary<int, HostSeen> hosts = new();
    private CancellationTokenSource closing = new();

    /// <summary>The hosts there are, by number.</summary>
    public IReadOnlyList<HostSeen> Hosts => [.. hosts.Values.OrderBy(h => h.Host)];

    /// <summary>From now on no port is let through, and no way opened.</summary>
    public void Shut() => closing.Cancel();

    /// <summary>A new opening: what was seen of hosts before is another's.</summary>
    public void Begin()
    {
        closing = new CancellationTokenSource();
        hosts.Clear();
    }

    public void Forget() => hosts.Clear();

    public void Dispose() => closing.Dispose();

    internal void Take(StartedInside from, Delivery<ToResident> came)
    {
        if (came.Message.WhatCase == ToResident.WhatOneofCase.Host)
        {
            See(came.Message.Host);
            return;
        }

        _ = Task.Run(async () =>
        {
            var answer = new ResidentAnswer();
            var handed = new List<SafeHandle>();
            using (came)
            {
                try
                {
                    await PerformAsync(came, answer, handed).ConfigureAwait(false);
                }
                catch (Exception e)
                {
                    var (fault, errno) = Numbers.Of(e);
                    answer = new ResidentAnswer { Fault = fault, Errno = errno, Detail = e is LinuxException or FaultException ? "" : e.Message };
                }

                from.Answer(came.Message.Call, answer, handed);
            }

            handed.ForEach(h => h.Dispose());
        });
    }

    private void See(HostSeen host)
    {
        if (host.Standing == HostStanding.Gone)
        {
            hosts.TryRemove((int)host.Host, out _);
        }
        else
        {
            hosts[(int)host.Host] = host;
        }
    }

    private async Task PerformAsync(Delivery<ToResident> came, ResidentAnswer answer, List<SafeHandle> handed)
    {
        var asked = came.Message;
        switch (asked.WhatCase)
        {
            case ToResident.WhatOneofCase.OpenPort:
                handed.Add(await parts.Ports.OpenAsync(Checked(asked.OpenPort.Host)).ConfigureAwait(false));
                break;
            case ToResident.WhatOneofCase.LetThrough:
                await parts.Ports.LetThroughAsync(Checked(asked.LetThrough.Host), closing.Token).ConfigureAwait(false);    // the cut of all may be before it
                break;
            case ToResident.WhatOneofCase.Cut:
                await parts.Ports.CutAsync([.. asked.Cut.Hosts.Select(Checked)]).ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.ForgetPort:
                await parts.Ports.ForgetAsync(Checked(asked.ForgetPort.Host)).ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.OpenWorld:
                RequireOpen();
                await parts.World.OpenAsync(Of(asked.OpenWorld)).ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.CloseWorld:
                await parts.World.CloseAsync().ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.ApplyWays:
                RequireOpen();
                await parts.Ways.ApplyAsync(Of(asked.ApplyWays)).ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.CountWays:
                answer.Refused.AddRange((await parts.Ways.CountAsync([.. asked.CountWays.Hosts.Select(Checked)]).ConfigureAwait(false))
                    .Select(r => new Refused { Host = (uint)r.Key, Spoofed = r.Value.Spoofed, Refused_ = r.Value.Refused }));
                break;
            case ToResident.WhatOneofCase.ServeShare:
                RequireOpen();
                var share = ServeShare((int)asked.ServeShare.Host, came.Descriptors[0], came.Descriptors[1]);
                answer.Process = share.Pid;
                handed.Add(share.Handle);
                break;
            case ToResident.WhatOneofCase.EndStrays:
                await EndStraysAsync((int)asked.EndStrays.Host, TimeSpan.FromMilliseconds(asked.EndStrays.Milliseconds)).ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.OpenPages:
                OpenPages(Checked(asked.OpenPages.Host), asked.OpenPages.Process, handed);
                break;
            case ToResident.WhatOneofCase.LookAtShares:
                int[] looked = [.. asked.LookAtShares.Hosts.Select(Checked).Where(n => n != HostDefinition.ProxyNumber)];
                await Background.Run(
                    () => ShareLook.At([.. looked.Select(n => (n, RunOf(n)))], parts.Volume.Root.PathOf("share"), answer, handed), "look at shares").ConfigureAwait(false);
                break;
            case ToResident.WhatOneofCase.OpenLoneTap:
                handed.Add(Tun.OpenLoneTap("safes-image"));
                break;
            case ToResident.WhatOneofCase.Hold:
                await HoldAsync(asked.Hold.Numbers).ConfigureAwait(false);
                break;
            default:
                throw new FaultException(FaultCodes.BadRequest);
        }
    }

    private void RequireOpen()
    {
        if (closing.IsCancellationRequested)
        {
            throw new FaultException(FaultCodes.Closing);
        }
    }

    private static int Checked(uint number) =>
        number is HostDefinition.ProxyNumber or (>= HostDefinition.FirstNumber and <= HostDefinition.LastNumber) ? (int)number : throw new FaultException(FaultCodes.BadRequest);

    private string RunOf(int number) => Path.Combine(parts.Paths.Hosts, number == 0 ? PreparedImages.ImageRun : $"{Checked((uint)number)}");

    private PidFd ServeShare(int number, SafeFileHandle listener, SafeFileHandle log)
    {
        string share = number == 0 ? Path.Combine(RunOf(0), "share") : parts.Volume.Root.PathOf(number == HostDefinition.ProxyNumber ? HostFleet.ProxyDirectory : "share");
        var child = Child.Start(VirtiofsdCommand.Start(parts.Tools, share, listener, parts.Paths.EmptyPin) with
        {
            Output = log,
            Error = log,
            WorkingDirectory = RunOf(number),
        });
        return child.PidFd;
    }

    private Task EndStraysAsync(int number, TimeSpan limit) => Background.Run(() => StrayProcesses.End(
        number == 0 ? null : parts.Premises.Users.Host(Checked((uint)number)), parts.Paths.EmptyPin, RunOf(number), limit));

    // Of a QEMU of that host alone: told by its user and by the network that it was born into.
    private void OpenPages(int number, int process, List<SafeHandle> handed)
    {
        using var its = PidFd.Open(process) ?? throw new LinuxException("pidfd_open", "QEMU", Errno.NoProcess);
        if (ProcessTable.UserOf(process) != parts.Premises.Users.Host(number) || !ProcessTable.IsInNetwork(process, parts.Paths.EmptyPin))
        {
            throw new FaultException(FaultCodes.BadRequest);
        }

        var (maps, pages) = RootsRights.Instance.OpenPages(process);
        handed.AddRange([maps, pages]);
    }

    // The guardian ends them too: only what is a host's, or serves one, whatever the inside says. Looked at once the number cannot come to mean another.
    private async Task HoldAsync(IReadOnlyList<int> numbers)
    {
        PidFd[] opened = [.. numbers.Select(PidFd.Open).OfType<PidFd>()];
        try
        {
            if (opened.Where(p => IsHosts(p.Pid)).ToArray() is { Length: > 0 } ours)
            {
                await parts.Holding.HoldAsync(ours).ConfigureAwait(false);
            }
        }
        finally
        {
            foreach (var process in opened)
            {
                process.Dispose();
            }
        }
    }

    private bool IsHosts(int process) =>
        (ProcessTable.UserOf(process) is { } user && parts.Premises.Users.NumberOf(user) is not null
            && ProcessTable.IsInNetwork(process, parts.Paths.EmptyPin))
        || StrayProcesses.WorksIn(process, parts.Paths.Hosts)
        || (ProcessTable.ParentOf(process) is > 1 and var parent && StrayProcesses.WorksIn(parent, parts.Paths.Hosts));

    private static WorldPlan Of(World world) => new(
        [.. world.Asking.Select(Numbers.Four)], [.. world.Ports.Select(p => (int)p)], [.. world.Resolvers.Select(Numbers.Of)], [.. world.Unreachable.Select(Numbers.Text)]);

    private WaysPlan Of(WaysOrder order) => new(
        order.Shell || order.Exposed.Count > 0
            ? new WaysIn(order.Shell, [.. order.Exposed.Select(e => new ServicePort(parts.Ports.Address(Checked(e.Host)), (int)(e.Port is > 0 and < 65536 ? e.Port : throw new FaultException(FaultCodes.BadRequest))))])
            : WaysIn.None,
        [.. order.Groups.Select(g => g.Hosts.Select(Checked).ToArray())]);
}
