using Safes.Contracts.Link;
using Safes.Hypervisor.Hosts;
using Safes.Hypervisor.Sessions;
using Safes.Hypervisor.Transfers;
using Safes.Hypervisor.Ways;
using Safes.Roster;
using Safes.Volumes;

namespace Safes.Hypervisor.Within;

/// <summary>What requests about an open safe reach. All of it lives in the inside process, and ends with it.</summary>
public interface IOpenSafe
{
    /// <summary>Null unless the volume is entered.</summary>
    Workspace? Workspace { get; }

    /// <summary>What files go into and out of; null unless the volume is entered.</summary>
    TransferRoom? Transfers { get; }

    /// <summary>Who belongs to the safe, as it was told last; null until it was.</summary>
    SafeRoster? Roster { get; }

    PresentSessions Sessions { get; }

    VolumeWork Work { get; }

    Notices Notices { get; }

    /// <summary>Of the safe now.</summary>
    ulong Generation { get; }

    Circumstances Circumstances { get; }

    /// <summary>The safe's init, 16 bytes.</summary>
    ReadOnlyMemory<byte> Init { get; }

    IWays Ways { get; }

    /// <summary>The encrypted directory.</summary>
    VolumeDirectory Root { get; }

    /// <summary>What hosts say while they are resumed and suspended.</summary>
    event Action<HostStep>? Stepped;

    /// <summary>What they have said since the inside began and before it was open.</summary>
    IReadOnlyList<HostStep> StepsSoFar { get; }

    /// <exception cref="VolumeException">The volume cannot be reached.</exception>
    Task<RoomFacts> RoomAsync();

    /// <summary>The owners' rules were changed: bridge and gateway follow. Done when they have.</summary>
    Task RulesChangedAsync();

    /// <summary>Hosts were started: the guardian is to end them too.</summary>
    Task HoldAsync();
}
