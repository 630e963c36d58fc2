namespace Safes.Network;

public enum NetworkFailure
{
    /// <summary>Something on this server listens on the public UDP port already.</summary>
    PortTaken,

    /// <summary>A link of this server has addresses of the safe's prefix.</summary>
    AddressesTaken,

    /// <summary>The kernel's nftables cannot translate addresses.</summary>
    NoAddressTranslation,

    /// <summary>The kernel's nftables cannot filter bridges.</summary>
    NoBridgeFilter,

    /// <summary>The gateway's port is held by a running process.</summary>
    GatewayPortHeld,
}

/// <summary>An expected reason why a safe's network cannot be made.</summary>
public sealed class NetworkException(NetworkFailure failure, string message, Exception? inner = null) : IOException(message, inner)
{
    public NetworkFailure Failure { get; } = failure;
}
