namespace Safes.Network;

/// <summary>What a safe's network is made from.</summary>
/// <param name="NamespacePin">A file on a private mount at which the safe's network namespace is pinned.</param>
/// <param name="Addresses">The safe's addresses.</param>
/// <param name="Ula">The hosts' IPv6 addresses.</param>
/// <param name="PublicPort">The UDP port of this server that is handed to the gateway, which listens on the same number.</param>
public sealed record NetworkPlan(string NamespacePin, SafeAddresses Addresses, UlaPrefix Ula, int PublicPort)
{
    /// <summary>The pin of the namespace with the server's public addresses; null: the one that this process is in.</summary>
    public string? ServerNamespacePin { get; init; }
}
