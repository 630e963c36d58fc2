namespace Safes.Network;

/// <summary>What of a safe's way through the server's own namespace is not as it was made.</summary>
[Flags]
public enum Missing
{
    None = 0,

    /// <summary>The table that keeps the gateway from the server and its network, or that of the proxy's way outside, is gone or changed.</summary>
    Rules = 1,

    /// <summary>A link is gone, down or without its address.</summary>
    Link = 2,

    /// <summary>The server does not forward along a link that it has to.</summary>
    Forwarding = 4,

    /// <summary>Filtering by reverse path, answers to ARP or the absence of IPv6 on our links were changed.</summary>
    Settings = 8,

    /// <summary>The whole server forwards now, so that what forwards for this safe alone is nothing any more.</summary>
    Leave = 16,
}

/// <summary>What was seen of a safe's way through the server at the last look.</summary>
/// <param name="Mended">What was not as it should be, and was made anew.</param>
/// <param name="Failure">Why it could not be made anew; nothing is forwarded while the rules are missing. Null: all is as it should be.</param>
/// <param name="Obstacles">Others' rules that drop what goes to or from the gateway.</param>
public sealed record NetworkCondition(Missing Mended, Exception? Failure, IReadOnlyList<Obstacle> Obstacles)
{
    public static NetworkCondition Good { get; } = new(Missing.None, null, []);
}
