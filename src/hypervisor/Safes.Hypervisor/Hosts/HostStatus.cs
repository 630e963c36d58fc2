using System.Net;

namespace Safes.Hypervisor.Hosts;

public enum HostState
{
    Stopped,
    Suspended,
    Starting,
    Running,

    /// <summary>It runs, but something of it does not: its share, its clock. <see cref="HostStatus.Note"/> says what.</summary>
    Degraded,

    /// <summary>It could not be started or resumed, or ended by itself. <see cref="HostStatus.Note"/> says why.</summary>
    Failed,
}

/// <summary>What members see of a host.</summary>
public sealed record HostStatus(
    string Name, HostState State, int Cpus, long MemoryBytes, long DiskBytes, IPAddress Address, TimeSpan Uptime, string Note, string Image, double Load)
{
    /// <summary>When it was suspended before it went on to where it is now, seconds since 1970; 0: it has booted since.</summary>
    public long SuspendedUnix { get; init; }

    /// <summary>What it has from its next boot on, if that is something else.</summary>
    public HostSizes? Next { get; init; }
}

/// <summary>A line of progress; <see cref="Done"/> false: begun.</summary>
public sealed record HostStep(string Host, string Name, bool Done, string Detail = "", TimeSpan Took = default, string WaitsFor = "");

/// <summary>What came of resuming or suspending one host.</summary>
/// <param name="Done">It runs, or it is suspended.</param>
/// <param name="Fault">Why not; for suspending: it was stopped hard, its memory is lost, its disk is not.</param>
/// <param name="Hung">The program that did not answer, if that was it.</param>
public sealed record HostOutcome(string Host, bool Done, Safes.Contracts.FaultException? Fault, string? Hung, TimeSpan Took);

/// <summary>A new host, as asked for; zeros are the bundle's own sizes.</summary>
public sealed record HostRequest(string Name, string Image = "", int Cpus = 0, long MemoryBytes = 0, long DiskBytes = 0);

/// <summary>What can be changed of a host. Of processors and bytes.</summary>
public sealed record HostSizes(int Cpus, long MemoryBytes, long DiskBytes);

/// <summary>A member's account in every host. The uid is fixed by the roster.</summary>
public sealed record MemberAccount(string Name, uint User);
