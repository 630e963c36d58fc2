using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Rules;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Volumes;

namespace Safes.Hypervisor.Effects;

/// <summary>What there is only while the volume is open and checked: hosts, certificate authorities, sessions' records, the owners' rules.</summary>
public sealed class Workspace(HostFleet hosts, SshAuthority ssh, SessionStore sessions, RuleKeeper rules, VolumeDirectory root, TransferRoom transfers)
    : IAsyncDisposable
{
    public HostFleet Hosts { get; } = hosts;

    public SshAuthority Ssh { get; } = ssh;

    public SessionStore Sessions { get; } = sessions;

    public RuleKeeper Rules { get; } = rules;

    public VolumeDirectory Root { get; } = root;

    public TransferRoom Transfers { get; } = transfers;

    public ValueTask DisposeAsync() => Hosts.DisposeAsync();
}
