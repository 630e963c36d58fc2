using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Effects;

/// <summary>What requests of members reach, besides the lifecycle.</summary>
public interface IOpenSafe
{
    /// <summary>Null unless the volume is open and checked.</summary>
    Workspace? Workspace { get; }

    /// <summary>What files go into and out of; null unless the volume is open and checked.</summary>
    Transfers.TransferRoom? Transfers { get; }

    /// <summary>The header was changed: marker, gateway and hosts follow.</summary>
    Task RosterChangedAsync(HeaderChange change);

    /// <summary>The owners' rules were changed: bridge and gateway follow. Done when they have.</summary>
    Task RulesChangedAsync();

    /// <summary>Hosts were started: the guardian is to end them too.</summary>
    Task HoldAsync();
}
