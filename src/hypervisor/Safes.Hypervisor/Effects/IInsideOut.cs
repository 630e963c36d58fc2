using Safes.Hypervisor.Vaults;

namespace Safes.Hypervisor.Effects;

/// <summary>What requests of members reach of an open safe from outside of it.</summary>
public interface IInsideOut
{
    /// <summary>SHA-256 of the SPKI of the inside's key; empty while nothing is entered.</summary>
    ReadOnlyMemory<byte> InsidePin { get; }

    /// <summary>Raised when the inside is there and its hosts are about to be resumed.</summary>
    event Action? InsideEntered;

    /// <summary>The header was changed: marker, gateway and hosts follow.</summary>
    Task RosterChangedAsync(HeaderChange change);
}
