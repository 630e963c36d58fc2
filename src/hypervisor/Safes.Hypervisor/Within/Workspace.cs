using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Outside;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;

namespace Safes.Hypervisor.Within;

/// <summary>What there is only while the volume is open and checked: hosts, certificate authorities, sessions' records, the owners' rules and what comes of them.</summary>
public sealed class Workspace(HostFleet hosts, SshAuthority ssh, SessionStore sessions, RuleKeeper rules, OutsideKeeper outside, TransferRoom transfers)
    : IAsyncDisposable
{
    public HostFleet Hosts { get; } = hosts;

    public SshAuthority Ssh { get; } = ssh;

    public SessionStore Sessions { get; } = sessions;

    public RuleKeeper Rules { get; } = rules;

    public OutsideKeeper Outside { get; } = outside;

    public TransferRoom Transfers { get; } = transfers;

    public async ValueTask DisposeAsync()
    {
        await Outside.DisposeAsync().ConfigureAwait(false);
        await Hosts.DisposeAsync().ConfigureAwait(false);
    }
}
