using Safes.Contracts.V1;
using Safes.Hypervisor.Hosts;
using Safes.Lifecycle;

namespace Safes.Hypervisor.Api;

/// <summary>States and hosts as the wire has them.</summary>
internal static class Messages
{
    public static State Of(SafeState state) => state switch
    {
        Lifecycle.Unclaimed => State.Unclaimed,
        Lifecycle.Closed => State.Closed,
        Lifecycle.Opening => State.Opening,
        Lifecycle.Open => State.Open,
        Lifecycle.Closing => State.Closing,
        Lifecycle.Faulted => State.Faulted,
        _ => State.Unknown,
    };

    /// <summary>What Closing and Faulted wait for.</summary>
    public static string Detail(SafeState state) => state switch
    {
        Lifecycle.Closing c => c.Why.ToString(),
        Lifecycle.Faulted { Holders: [_, ..] all } => string.Join("; ", all.Select(h => $"{h.Command} (pid {h.Pid}): {h.Kind}")),
        Lifecycle.Faulted f => f.What,
        Lifecycle.Open { Awaited: { } a } => $"waits for {a.Sessions.Count} session(s) from before the restart",
        _ => "",
    };

    public static Contracts.V1.Host Of(HostStatus status) => new()
    {
        Name = status.Name,
        State = status.State switch
        {
            HostState.Running => "running",
            HostState.Suspended => "suspended",
            HostState.Starting => "starting",
            HostState.Degraded => "degraded",
            HostState.Failed => "failed",
            _ => "stopped",
        },
        Cpus = (uint)status.Cpus,
        MemoryBytes = (ulong)status.MemoryBytes,
        DiskBytes = (ulong)status.DiskBytes,
        Address = status.Address.ToString(),
        UptimeSeconds = (ulong)Math.Max(0, status.Uptime.TotalSeconds),
        Note = status.Note,
        Image = status.Image,
        Load = status.Load,
        SuspendedUnix = status.SuspendedUnix,
        NextCpus = status.Next is { } c && c.Cpus != status.Cpus ? (uint)c.Cpus : 0,
        NextMemoryBytes = status.Next is { } m && m.MemoryBytes != status.MemoryBytes ? (ulong)m.MemoryBytes : 0,
        NextDiskBytes = status.Next is { } d && d.DiskBytes != status.DiskBytes ? (ulong)d.DiskBytes : 0,
    };
}
